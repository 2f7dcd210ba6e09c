//! Presence on the real server, against a reference: people with several tabs come, go, are cut off,
//! taken over, kicked; the server is killed in between. After every step the occupants, the card and
//! the log are what the reference says.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{
    Peer, Server, Store, Visitor, on_each_store, seeded::Seeded, until, visitor::id_of, websocket,
    within,
};

const PEOPLE: usize = 6;
const PLACES: usize = 4;
/// Of one tab: more at once are refused.
const TAKE_OVERS: usize = 5;

/// How a step changes the log: what kind of event, whom it concerns, the occupancy.
type Line = (String, String, Option<usize>);

struct Person {
    visitor: Visitor,
    uid: String,
    /// Open connections, by client id, with how often they were taken over.
    tabs: BTreeMap<String, (Peer, usize)>,
    /// The last connection was lost, and the place is kept.
    lost: bool,
}

impl Person {
    fn is_present(&self) -> bool {
        self.lost || !self.tabs.is_empty()
    }
}

struct World {
    server: Server,
    owner: Visitor,
    room: String,
    people: Vec<Person>,
    lobby: Peer,
    card: Value,
    log: Vec<Line>,
    /// Whether a lost connection keeps its place; else it leaves at once.
    grace: bool,
    chance: Seeded,
    tabs: usize,
    /// What was done, for whoever has to understand a failure.
    done: Vec<String>,
}

impl World {
    async fn new(store: Store, grace: bool) -> Self {
        let grace_ms = if grace { "600000" } else { "1" };
        let settings = [
            ("PARLOR_PRESENCE__GRACE_MS", grace_ms),
            ("PARLOR_PRESENCE__RESTART_MS", "600000"),
            ("PARLOR_LIMITS__PUBLISH_PER_S", "0"),
        ];
        let server = Server::with(store, &settings).await;
        let owner = Visitor::to(&server);
        let room = id_of(&owner.create(json!({"keep": true, "max": PLACES})).await);
        let elsewhere = owner.lasting_room().await;
        let mut people = Vec::new();
        for _ in 0..PEOPLE {
            let visitor = Visitor::to(&server);
            let uid = visitor.say(&elsewhere, "hello").await["uid"].as_str().unwrap().to_owned();
            people.push(Person { visitor, uid, tabs: BTreeMap::new(), lost: false });
        }
        let (lobby, card) = lobby(&server, &owner, &room).await;
        let (chance, log, done) = (Seeded::new(), Vec::new(), Vec::new());
        Self { server, owner, room, people, lobby, card, log, grace, chance, tabs: 0, done }
    }

    fn count(&self) -> usize {
        self.people.iter().filter(|person| person.is_present()).count()
    }

    fn tell(&mut self, kind: &str, who: usize) {
        self.log.push((kind.to_owned(), self.people[who].uid.clone(), Some(self.count())));
    }

    async fn step(&mut self) {
        let who = self.chance.below(PEOPLE);
        match self.chance.below(40) {
            0 => self.restart().await,
            1..=11 => self.open(who).await,
            12..=18 => self.close(who).await,
            19..=27 => self.lose(who).await,
            28..=31 => self.take_over(who).await,
            32..=34 => self.leave(who).await,
            35..=36 => self.kick(who).await,
            _ => self.say(who).await,
        }
        self.is_so().await;
    }

    async fn open(&mut self, who: usize) {
        self.tabs += 1;
        let name = format!("tab {}", self.tabs);
        self.done.push(format!("{who} opens {name}"));
        let mut peer = websocket::page(&self.server, &self.people[who].visitor, &name).await;
        let code = peer.subscribe(&format!("chat/{}", self.room)).await;
        let was_present = self.people[who].is_present();
        if !was_present && self.count() == PLACES {
            assert_eq!(code, 0x97, "the room is full: {:#?}", self.done);
            return peer.disconnect().await;
        }
        assert_eq!(code, 1, "there is a place: {:#?}", self.done);
        self.people[who].tabs.insert(name, (peer, 0));
        self.people[who].lost = false;
        if !was_present {
            self.tell("join", who);
        }
    }

    fn some_tab(&mut self, who: usize) -> Option<String> {
        let names: Vec<String> = self.people[who].tabs.keys().cloned().collect();
        (!names.is_empty()).then(|| self.chance.pick(&names).clone())
    }

    async fn close(&mut self, who: usize) {
        let Some(name) = self.some_tab(who) else { return };
        self.done.push(format!("{who} closes {name}"));
        let (peer, _) = self.people[who].tabs.remove(&name).unwrap();
        peer.disconnect().await;
        if !self.people[who].is_present() {
            self.tell("exit", who);
        }
    }

    async fn lose(&mut self, who: usize) {
        let Some(name) = self.some_tab(who) else { return };
        self.done.push(format!("{who} loses {name}"));
        drop(self.people[who].tabs.remove(&name));
        if self.people[who].tabs.is_empty() {
            self.people[who].lost = self.grace;
            if !self.grace {
                self.tell("exit", who);
            }
        }
    }

    /// The same client connects again while it is still there.
    async fn take_over(&mut self, who: usize) {
        let Some(name) = self.some_tab(who) else { return };
        let person = &mut self.people[who];
        // Without a grace the place would be lost in between, or not.
        let is_last = person.tabs.len() == 1 && !self.grace;
        if is_last || person.tabs[&name].1 == TAKE_OVERS {
            return;
        }
        self.done.push(format!("{who} takes over {name}"));
        let (mut old, times) = person.tabs.remove(&name).unwrap();
        let mut new = websocket::page(&self.server, &person.visitor, &name).await;
        assert_eq!(old.closed().await, Some(0x8E));
        new.join(&self.room).await;
        person.tabs.insert(name, (new, times + 1));
    }

    /// By the button: whoever was lost will not be back.
    async fn leave(&mut self, who: usize) {
        self.done.push(format!("{who} leaves"));
        let person = &mut self.people[who];
        let path = format!("/room/{}/leave", self.room);
        assert_eq!(person.visitor.ask(Method::POST, &path).send().await.unwrap().status(), 204);
        if person.tabs.is_empty() && person.lost {
            person.lost = false;
            self.tell("exit", who);
        }
    }

    async fn kick(&mut self, who: usize) {
        self.done.push(format!("{who} is kicked"));
        let person = &mut self.people[who];
        let whom = json!({"uid": person.uid});
        let status = self.owner.post(&format!("/room/{}/kick", self.room), whom).await.status();
        assert_eq!(status == 204, person.is_present(), "{status}: {:#?}", self.done);
        if person.is_present() {
            person.lost = false;
            // What is left of these connections is not in the room.
            person.tabs.clear();
            self.tell("kick", who);
        }
    }

    async fn say(&mut self, who: usize) {
        let text = format!("line {}", self.log.len());
        self.people[who].visitor.say(&self.room, &text).await;
        self.log.push(("chat".into(), self.people[who].uid.clone(), None));
    }

    async fn restart(&mut self) {
        self.done.push("the server is killed".into());
        self.server.kill().await;
        for person in &mut self.people {
            person.lost = person.is_present();
            person.tabs.clear();
        }
        self.server.again().await;
        (self.lobby, self.card) = lobby(&self.server, &self.owner, &self.room).await;
    }

    /// The server says what the reference says.
    async fn is_so(&mut self) {
        let present = self.people.iter().filter(|person| person.is_present());
        let wanted: BTreeMap<&str, usize> =
            present.map(|person| (person.uid.as_str(), person.tabs.len())).collect();
        let what = format!("occupants {wanted:?} after {:#?}", self.done);
        until(&what, async || {
            let occupants = self.owner.occupants(&self.room).await;
            let mut found = BTreeMap::new();
            for one in &occupants {
                let connections = one["connections"].as_u64().unwrap() as usize;
                found.insert(one["uid"].as_str().unwrap(), connections);
            }
            found == wanted
        })
        .await;
        until("the whole log", async || {
            let log = self.owner.log(&self.room).await;
            log.last().map_or(0, |event| event["seq"].as_u64().unwrap()) >= self.log.len() as u64
        })
        .await;
        let count = self.count();
        while self.card["occupancy"] != count {
            self.card = within("a true card", self.lobby.message()).await.json();
        }
    }

    async fn ends(&mut self) {
        let log = self.owner.whole_log(&self.room).await;
        let told: Vec<Line> = log
            .iter()
            .map(|event| {
                let text = |field: &str| event[field].as_str().unwrap().to_owned();
                let occupancy = event["occupancy"].as_u64().map(|count| count as usize);
                (text("type"), text("uid"), occupancy)
            })
            .collect();
        assert_eq!(told, self.log, "{:#?}", self.done);
        assert!(told.iter().all(|line| line.2.is_none_or(|count| count <= PLACES)));
        let (_, card) = lobby(&self.server, &self.owner, &self.room).await;
        assert_eq!(card["occupancy"], self.count(), "the retained card");
    }
}

/// Somebody who hears every card of the room, and the one that is retained.
async fn lobby(server: &Server, owner: &Visitor, room: &str) -> (Peer, Value) {
    let mut lobby = websocket::page(server, owner, "lobby").await;
    lobby.subscribe(&format!("rooms/{room}")).await;
    let card = lobby.message().await.json();
    (lobby, card)
}

async fn walk(store: Store, grace: bool) {
    let steps = if store == Store::Sqlite { 400 } else { 120 };
    let mut world = World::new(store, grace).await;
    for _ in 0..steps {
        world.step().await;
    }
    world.ends().await;
    println!("{} steps, {} lines in the log", world.done.len(), world.log.len());
}

on_each_store!(
    presence_is_exact_when_the_lost_keep_their_place,
    presence_is_exact_when_the_lost_leave_at_once,
);

async fn presence_is_exact_when_the_lost_keep_their_place(store: Store) {
    walk(store, true).await;
}

async fn presence_is_exact_when_the_lost_leave_at_once(store: Store) {
    walk(store, false).await;
}
