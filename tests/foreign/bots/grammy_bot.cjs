// grammY as its docs show it: composers, the session plugin, `bot.start` or `webhookCallback` on node's http server.
// CommonJS, so that NODE_PATH finds it. Settings come from the environment; foreign_kit/programs.py names them.
"use strict";

const http = require("node:http");
const {
  API_CONSTANTS, Bot, GrammyError, InlineKeyboard, InlineQueryResultBuilder, InputFile, InputMediaBuilder, Keyboard,
  session, webhookCallback,
} = require("grammy");

const { FOREIGN_TOKEN, FOREIGN_API, FOREIGN_MODE, FOREIGN_PORT, FOREIGN_PICTURE } = process.env;
const SECRET = "grammy-secret";
const DRINKS = ["Tea", "Coffee"];
const allowed_updates = API_CONSTANTS.ALL_UPDATE_TYPES;

const bot = new Bot(FOREIGN_TOKEN, {
  client: { apiRoot: FOREIGN_API, canUseWebhookReply: (method) => method === "sendChatAction" },
});
const polls = new Map();
const charges = new Map();
bot.use(session({ initial: () => ({ step: "", name: "" }) }));
bot.catch(({ error }) => console.error(error));

const button = (text, data) => ({ reply_markup: new InlineKeyboard().text(text, data) });
const download = async (ctx) => {
  const file = await ctx.getFile();
  const answer = await fetch(`${FOREIGN_API}/file/bot${FOREIGN_TOKEN}/${file.file_path}`);
  return (await answer.arrayBuffer()).byteLength;
};

bot.on("edited_message:text", (ctx) =>
  ctx.reply(`Changed to: ${ctx.editedMessage.text}`, { reply_parameters: { message_id: ctx.msgId } }));
bot.on("channel_post:text", (ctx) =>
  ctx.reply(`Seen: ${ctx.channelPost.text}`, { reply_parameters: { message_id: ctx.msgId } }));

bot.command("start", (ctx) => {
  const came = ctx.match ? ` You came by ${ctx.match}.` : "";
  return ctx.reply(`Hello, <b>${ctx.from.first_name}</b>!${came}`, { parse_mode: "HTML" });
});
bot.command("add", (ctx) => ctx.reply(String(ctx.match.split(" ").map(Number).reduce((one, two) => one + two))));
bot.command("direct", async (ctx) => {
  await ctx.replyWithChatAction("typing"); // by webhook, grammY answers Telegram's request with this call
  await ctx.reply("Straight away");
});
bot.command("count", (ctx) => ctx.reply("Pressed 0 times", button("Press me", "count:0")));
bot.callbackQuery(/^count:(\d+)$/, async (ctx) => {
  if (ctx.callbackQuery.message.date === 0) {
    await ctx.answerCallbackQuery("Too old");
    await ctx.reply("That message is too old.");
    return;
  }
  const number = Number(ctx.match[1]) + 1;
  await ctx.editMessageText(`Pressed ${number} times`, button("Press me", `count:${number}`));
  await ctx.answerCallbackQuery("Counted");
});

bot.command("form", async (ctx) => {
  ctx.session.step = "name";
  await ctx.reply("What is your name?");
});
bot.command("cancel", async (ctx) => {
  ctx.session.step = "";
  await ctx.reply("Cancelled.");
});

bot.command("photo", (ctx) => ctx.replyWithPhoto(new InputFile(FOREIGN_PICTURE), { caption: "A picture" }));
bot.command("document", (ctx) =>
  ctx.replyWithDocument(new InputFile(Buffer.from("Hello, file!"), "hello.txt"), { caption: "A file" }));
bot.command("album", (ctx) => ctx.replyWithMediaGroup([
  InputMediaBuilder.photo(new InputFile(FOREIGN_PICTURE), { caption: "An album" }),
  InputMediaBuilder.photo(new InputFile(FOREIGN_PICTURE)),
]));
bot.on("message").filter((ctx) => ctx.msg.media_group_id !== undefined, (ctx) =>
  ctx.reply("Part of an album", { reply_parameters: { message_id: ctx.msgId } }));
bot.on("message:photo", async (ctx) =>
  ctx.replyWithPhoto(ctx.msg.photo.at(-1).file_id, { caption: `Photo of ${await download(ctx)} bytes` }));
bot.on("message:document", async (ctx) => {
  const caption = `${ctx.msg.document.file_name}: ${await download(ctx)} bytes`;
  await ctx.replyWithDocument(ctx.msg.document.file_id, { caption });
});

bot.command("contact", (ctx) => ctx.reply("Who and where?", {
  reply_markup: new Keyboard().requestContact("Phone").requestLocation("Place").resized(),
}));
bot.on("message:contact", (ctx) =>
  ctx.reply(`Phone ${ctx.msg.contact.phone_number}`, { reply_markup: { remove_keyboard: true } }));
bot.on("message:location", (ctx) =>
  ctx.reply(`Place ${ctx.msg.location.latitude.toFixed(1)} ${ctx.msg.location.longitude.toFixed(1)}`));

bot.command("where", (ctx) => ctx.reply(ctx.msg.is_topic_message ? `Topic ${ctx.msg.message_thread_id}` : "No topic"));
bot.command("admin", async (ctx) => {
  if (ctx.senderChat?.id === ctx.chat.id) return ctx.reply("You run this place, whoever you are");
  const { status } = await ctx.getAuthor();
  const runs = status === "creator" || status === "administrator";
  return ctx.reply(runs ? "You run this place" : "Only administrators may");
});
bot.command("topic", async (ctx) => {
  const { name, message_thread_id } = await ctx.createForumTopic(ctx.match);
  await ctx.api.sendMessage(ctx.chat.id, `Here is ${name}`, { message_thread_id });
});
bot.command("copy", async (ctx) => {
  const { message_id } = ctx.msg.reply_to_message;
  await ctx.api.copyMessage(ctx.chat.id, ctx.chat.id, message_id);
  await ctx.api.forwardMessage(ctx.chat.id, ctx.chat.id, message_id);
});
bot.command("invite", async (ctx) => {
  const link = await ctx.createChatInviteLink({ name: "Friends", creates_join_request: true });
  await ctx.reply(link.invite_link);
});
bot.on("chat_join_request", (ctx) => ctx.approveChatJoinRequest(ctx.from.id));
bot.on("message:new_chat_members", async (ctx) => {
  const names = ctx.msg.new_chat_members.filter((one) => !one.is_bot).map((one) => one.first_name);
  if (names.length) await ctx.reply(`Welcome, ${names.join(", ")}!`);
});
bot.on("message:left_chat_member", async (ctx) => {
  if (!ctx.msg.left_chat_member.is_bot) await ctx.reply(`Goodbye, ${ctx.msg.left_chat_member.first_name}.`);
});
bot.on("chat_member", (ctx) => {
  const { old_chat_member, new_chat_member } = ctx.chatMember;
  return ctx.reply(`${new_chat_member.user.first_name}: ${old_chat_member.status} to ${new_chat_member.status}`);
});
bot.on("my_chat_member", async (ctx) => {
  const { status } = ctx.myChatMember.new_chat_member;
  if (ctx.chat.type !== "private" && !["left", "kicked"].includes(status)) await ctx.reply(`I am ${status} here`);
});
bot.on("message_reaction", async (ctx) => {
  const { emojiAdded } = ctx.reactions();
  if (!emojiAdded.length) return;
  await ctx.react("👀");
  await ctx.reply(`${ctx.from.first_name}: ${emojiAdded.join("")}`);
});

bot.command("poll", async (ctx) => {
  const sent = await ctx.replyWithPoll("Tea or coffee?", DRINKS.map((text) => ({ text })), { is_anonymous: false });
  polls.set(ctx.chat.id, sent.message_id);
});
bot.on("poll_answer", (ctx) => {
  const chosen = ctx.pollAnswer.option_ids.map((number) => DRINKS[number]).join(", ");
  return ctx.api.sendMessage(ctx.pollAnswer.user.id, chosen ? `You chose ${chosen}` : "You took it back");
});
bot.command("endpoll", async (ctx) => {
  const closed = await ctx.api.stopPoll(ctx.chat.id, polls.get(ctx.chat.id));
  await ctx.reply(`Votes: ${closed.total_voter_count}`);
});

bot.on("inline_query", (ctx) => {
  const { query } = ctx.inlineQuery;
  const article = InlineQueryResultBuilder.article("say", `Say ${query}`, button("Again", "again")).text(`${query}!`);
  return ctx.answerInlineQuery([article], { cache_time: 0, is_personal: true });
});
bot.on("chosen_inline_result", (ctx) =>
  ctx.editMessageText(`${ctx.chosenInlineResult.query}! Chosen.`, button("Again", "again")));
bot.callbackQuery("again", async (ctx) => {
  await ctx.editMessageText("Once more!");
  await ctx.answerCallbackQuery();
});

bot.command("buy", (ctx) =>
  ctx.replyWithInvoice("Tea", "A cup of tea", ctx.match, "XTR", [{ label: "Tea", amount: 5 }]));
bot.on("pre_checkout_query", (ctx) => {
  const sold = ctx.preCheckoutQuery.invoice_payload === "tea";
  return sold ? ctx.answerPreCheckoutQuery(true) : ctx.answerPreCheckoutQuery(false, { error_message: "Sold out" });
});
bot.on("message:successful_payment", async (ctx) => {
  charges.set(ctx.chat.id, ctx.msg.successful_payment.telegram_payment_charge_id);
  await ctx.reply(`Paid ${ctx.msg.successful_payment.total_amount}`);
});
bot.command("refund", async (ctx) => {
  if (await ctx.api.refundStarPayment(ctx.from.id, charges.get(ctx.chat.id))) {
    await ctx.reply("Returned");
  };
});

const tell = async (ctx, chat, text) => {
  try {
    await ctx.api.sendMessage(chat, text, { parse_mode: "HTML" });
  } catch (error) {
    if (!(error instanceof GrammyError)) throw error;
    if (error.error_code === 429) return `429 wait ${error.parameters.retry_after}`;
    if (error.parameters.migrate_to_chat_id) return `400 moved to ${error.parameters.migrate_to_chat_id}`;
    return `${error.error_code} ${error.description}`;
  }
  return "Told";
};
bot.command("tell", async (ctx) => {
  const [chat, ...words] = ctx.match.split(" ");
  await ctx.reply(await tell(ctx, chat, words.join(" ")));
});

bot.on("message:text", async (ctx) => {
  if (ctx.session.step === "name") {
    Object.assign(ctx.session, { step: "age", name: ctx.msg.text });
    await ctx.reply(`How old is ${ctx.msg.text}?`);
  } else if (ctx.session.step === "age" && /^\d+$/.test(ctx.msg.text)) {
    ctx.session.step = "";
    await ctx.reply(`${ctx.session.name}, ${ctx.msg.text}. Saved.`);
  } else if (ctx.session.step === "age") {
    await ctx.reply("A number, please.");
  }
});

if (FOREIGN_MODE === "webhook") {
  const handle = webhookCallback(bot, "http", { secretToken: SECRET });
  const serve = (request, response) => handle(request, response).catch((error) => {
    console.error(error); // bot.catch is for polling alone
    if (!response.headersSent) response.writeHead(200);
    response.end();
  });
  http.createServer(serve).listen(Number(FOREIGN_PORT), "127.0.0.1", () =>
    bot.api.setWebhook(`http://127.0.0.1:${FOREIGN_PORT}/webhook`, { secret_token: SECRET, allowed_updates }));
} else {
  bot.start({ allowed_updates });
}
