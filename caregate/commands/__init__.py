"""Commands by what they are about; each is thin: it reads its arguments, calls a room and shows the answer."""
