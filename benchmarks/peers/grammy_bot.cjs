// grammY as its docs show it: webhookCallback on node's own http server. CommonJS, so that NODE_PATH finds it.
"use strict";

const http = require("node:http");
const { Bot, InlineKeyboard, webhookCallback } = require("grammy");

const { BENCH_PORT, BENCH_SECRET, BENCH_TOKEN, BENCH_API, BENCH_ROUTES } = process.env;
const bot = new Bot(BENCH_TOKEN, { client: { apiRoot: BENCH_API } });

for (let number = 0; number < Number(BENCH_ROUTES); number++) {
  bot.callbackQuery(`press:route${number}`, () => {});
}
bot.callbackQuery("press:noop", () => {});
bot.callbackQuery("press:edit", async (ctx) => {
  await ctx.answerCallbackQuery();
  await ctx.editMessageText("Pressed", { reply_markup: new InlineKeyboard().text("Again", "press:edit") });
});

const handle = webhookCallback(bot, "http", { secretToken: BENCH_SECRET });
http.createServer(handle).listen(Number(BENCH_PORT), "127.0.0.1");
