//! Journeys through the real server on real sockets: one process for each test, on a port and a
//! data folder of its own, stopped by its id. `harness/` starts it and speaks to it; every other
//! file tells what one kind of user does with it.
//!
//! Journeys in `on_each_store!` run on SQLite and on MongoDB.

mod harness;

mod backup;
mod catchup;
mod clients;
mod control;
mod corners;
mod corpus;
mod devices;
mod directory;
mod doors;
mod durability;
mod edge_checklist;
mod floods;
mod limits;
mod lobby;
mod logins;
mod malformed;
mod memory;
mod mqtts;
mod outage;
mod pages;
mod posts;
mod presence;
mod refusals;
mod restart;
mod rights;
mod rooms;
mod seed_faults;
mod soak;
mod uploads;
mod walk;
mod websocket;
mod wire;
