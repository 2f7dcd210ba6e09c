// A chat room of the lecture's shape, to be compared with: a POST writes the message into a
// database, then Socket.IO tells everybody in the room. No access checks, no numbers, no limits.
//
//     node server.js PORT DATABASE
import { createServer } from "node:http";
import Database from "better-sqlite3";
import express from "express";
import { Server } from "socket.io";

const [port, file] = process.argv.slice(2);

const database = new Database(file);
database.pragma("journal_mode = WAL");
// As the lecture's MongoDB does by default: the write is acknowledged, and on disk a little later.
database.pragma("synchronous = NORMAL");
database.exec(
  "CREATE TABLE chats (id INTEGER PRIMARY KEY, room TEXT NOT NULL, user TEXT NOT NULL, " +
    "chat TEXT NOT NULL, createdAt TEXT NOT NULL)",
);
const insert = database.prepare(
  "INSERT INTO chats (room, user, chat, createdAt) VALUES (?, ?, ?, ?)",
);

const app = express();
const server = createServer(app);
// Connections may rest while the other servers are measured.
server.keepAliveTimeout = 3_600_000;
const io = new Server(server, { pingInterval: 3_600_000, transports: ["websocket"] });
const chat = io.of("/chat");

app.use(express.json());
app.post("/room/:id/chat", (request, response) => {
  const message = {
    room: request.params.id,
    user: "#66ccff",
    chat: request.body.chat,
    createdAt: new Date().toISOString(),
  };
  const { lastInsertRowid } = insert.run(...Object.values(message));
  chat.to(message.room).emit("chat", { _id: Number(lastInsertRowid), ...message });
  response.send("ok");
});

chat.on("connection", (socket) => {
  socket.on("join", (room, joined) => {
    socket.join(room);
    joined();
  });
});

server.listen(Number(port), "127.0.0.1", () => console.log(`listening on ${port}`));
