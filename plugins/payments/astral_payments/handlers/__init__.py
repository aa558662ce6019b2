"""What people press and write, what Telegram and YooKassa tell, and what is looked up on a schedule."""
