//! Random lives of rooms against what must always hold: one join and one exit each, in turn; the
//! occupancy in every event right; never above `max`; a room gone exactly when its last has left, and
//! until then owned by whoever is next after an owner who has left.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use proptest::prelude::*;
use tokio::sync::mpsc::{self, UnboundedReceiver};

use super::{
    Refusal,
    state::{Each, Job, State, Times},
};
use crate::chat::{Colour, Event, Identity, Kind, Moment, Room, RoomId, Uid, phrases::Locale};

const MAX: u32 = 3;
const PEOPLE: u8 = 5;
const GRACE: Duration = Duration::from_secs(10);

/// One step of somebody. `seat` picks one of their open connections.
#[derive(Clone, Copy, Debug)]
enum Step {
    Enter(u8),
    Leave(u8, usize),
    Lose(u8, usize),
    GiveUp(u8),
    Kick(u8),
    Wait(u64),
    /// Stop the process and start again on what the log says.
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let who = 0..PEOPLE;
    prop_oneof![
        4 => who.clone().prop_map(Step::Enter),
        2 => (who.clone(), any::<usize>()).prop_map(|(who, seat)| Step::Leave(who, seat)),
        3 => (who.clone(), any::<usize>()).prop_map(|(who, seat)| Step::Lose(who, seat)),
        1 => who.clone().prop_map(Step::GiveUp),
        1 => who.prop_map(Step::Kick),
        3 => (0..12_000u64).prop_map(Step::Wait),
        1 => Just(Step::Restart),
    ]
}

/// Every other one is a device.
fn identity(n: u8) -> Identity {
    let uid = Uid::from_entropy([n; 16]);
    if n.is_multiple_of(2) {
        Identity::browser(uid)
    } else {
        Identity::device(uid, "device", false)
    }
}

fn both(queue: mpsc::UnboundedSender<Job>) -> Each<mpsc::UnboundedSender<Job>> {
    Each { stored: queue.clone(), off_record: queue }
}

/// What an outsider can know: who is where, by the log alone, and which connections are open.
struct World {
    state: State,
    jobs: UnboundedReceiver<Job>,
    now: Instant,
    room: Room,
    present: BTreeMap<Uid, crate::chat::people::Person>,
    /// Who is there, in the order of their coming.
    arrivals: Vec<Uid>,
    /// The owner has left, and of those who could take over nobody has.
    is_orphaned: bool,
    open: BTreeMap<u8, BTreeSet<u64>>,
    next_seat: u64,
    gone: bool,
}

impl World {
    fn new() -> Self {
        let (queue, jobs) = mpsc::unbounded_channel();
        let now = Instant::now();
        let owner = identity(0);
        let room = Room {
            id: RoomId::from_entropy([1; 12]),
            title: "model".into(),
            max: MAX,
            owner: owner.uid,
            owner_colour: Colour::from_hash(0),
            password: None,
            off_record: false,
            keep: false,
            created_at: Moment::from_millis(0),
        };
        let mut state = State::new(both(queue), Self::times(), Locale::En);
        state.create(room.clone(), now);
        let (present, arrivals, open) = Default::default();
        let is_orphaned = false;
        let (next_seat, gone) = (1, false);
        Self { state, jobs, now, room, present, arrivals, is_orphaned, open, next_seat, gone }
    }

    fn times() -> Times {
        Times { grace: GRACE, unentered: GRACE, restart: GRACE }
    }

    fn take(&mut self, who: u8, pick: usize) -> Option<u64> {
        let seats = self.open.get_mut(&who).filter(|seats| !seats.is_empty())?;
        let seat = *seats.iter().nth(pick % seats.len())?;
        seats.remove(&seat);
        Some(seat)
    }

    fn step(&mut self, step: Step) {
        let room = self.room.id;
        match step {
            Step::Enter(who) => self.enter(who),
            Step::Leave(who, pick) => {
                if let Some(seat) = self.take(who, pick) {
                    self.state.leave(identity(who).uid, room, seat);
                }
            }
            Step::Lose(who, pick) => {
                if let Some(seat) = self.take(who, pick) {
                    self.state.lose(identity(who).uid, room, seat, self.now);
                }
            }
            Step::GiveUp(who) => self.state.give_up(identity(who).uid, room),
            Step::Kick(who) => {
                let uid = identity(who).uid;
                // An owner is never put out.
                if uid == self.room.owner {
                    return;
                }
                let kicked = self.state.kick(uid, room);
                assert_eq!(kicked.is_ok(), self.present.contains_key(&uid));
                // Their connections are cut; what they still say of themselves counts no more.
                self.open.remove(&who);
            }
            Step::Wait(millis) => {
                self.now += Duration::from_millis(millis);
                self.state.sweep(self.now);
            }
            Step::Restart => self.restart(),
        }
        self.read_log();
        self.check();
    }

    fn enter(&mut self, who: u8) {
        let (seat, uid) = (self.next_seat, identity(who).uid);
        self.next_seat += 1;
        let entered = self.state.enter(&identity(who), self.room.id, seat, None);
        let is_full = self.present.len() == MAX as usize && !self.present.contains_key(&uid);
        let expected = match (self.gone, is_full) {
            (true, _) => Err(Refusal::NoSuchRoom),
            (false, true) => Err(Refusal::Full),
            (false, false) => Ok(()),
        };
        assert_eq!(entered, expected);
        if entered.is_ok() {
            self.open.entry(who).or_default().insert(seat);
        }
    }

    fn restart(&mut self) {
        if self.gone {
            return;
        }
        let (queue, jobs) = mpsc::unbounded_channel();
        let mut state = State::new(both(queue), Self::times(), Locale::En);
        let saved = crate::store::SavedRoom {
            room: self.room.clone(),
            last_seq: 0,
            roster: self.arrivals.iter().map(|uid| self.present[uid].clone()).collect(),
            granted: Vec::new(),
            banned: Vec::new(),
        };
        state.restore(saved, self.now);
        (self.state, self.jobs) = (state, jobs);
        self.open.clear();
    }

    fn read_log(&mut self) {
        while let Ok(job) = self.jobs.try_recv() {
            assert!(!self.gone, "nothing is said after the farewell");
            match job {
                Job::Append { message, .. } => self.read(&message.event, message.whom),
                Job::Remove { .. } => {
                    assert!(self.present.is_empty(), "a room goes without its people only");
                    self.gone = true;
                }
                Job::Stop => panic!("nobody stops the writer here"),
            }
        }
    }

    fn read(&mut self, event: &Event, whom: Option<crate::chat::people::Person>) {
        let whom = whom.expect("whom it concerns");
        match event.kind {
            Kind::Join => {
                self.arrivals.push(event.uid);
                assert!(self.present.insert(event.uid, whom).is_none(), "joined twice");
            }
            Kind::Exit | Kind::Kick => {
                self.arrivals.retain(|uid| *uid != event.uid);
                assert!(self.present.remove(&event.uid).is_some(), "left without being there");
                self.is_orphaned |= event.uid == self.room.owner;
                self.is_orphaned &= self.next_owner().is_some();
            }
            Kind::Owner => {
                assert!(self.is_orphaned, "taken over from an owner who has not left");
                assert_eq!(Some(event.uid), self.next_owner());
                (self.room.owner, self.room.owner_colour) = (whom.uid, whom.user);
                self.is_orphaned = false;
            }
            other => panic!("{other:?} is not about presence"),
        }
        assert_eq!(event.occupancy, Some(self.present.len() as u32));
        assert!(self.present.len() <= MAX as usize);
    }

    /// Of the people who are there, whoever came first.
    fn next_owner(&self) -> Option<Uid> {
        self.arrivals.iter().find(|uid| self.present[*uid].name.is_none()).copied()
    }

    fn check(&self) {
        let Ok(live) = self.state.live(self.room.id) else {
            assert!(self.gone, "a room that is gone has said so");
            return;
        };
        assert_eq!(live.card().occupancy as usize, self.present.len());
        assert_eq!(live.room.owner, self.room.owner, "the log tells whose the room is");
        assert!(!self.is_orphaned, "the owner has left, and nobody took over");
        for (who, seats) in self.open.iter().filter(|(_, seats)| !seats.is_empty()) {
            let here = self.present.contains_key(&identity(*who).uid);
            assert!(here, "{who} has {} open connections and is not in", seats.len());
        }
        let due = self.state.next_due();
        let waits = self.present.len() > self.open.values().filter(|s| !s.is_empty()).count();
        assert_eq!(
            due.is_some(),
            waits || self.present.is_empty(),
            "something is due, or nobody waits"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn presence_is_exact_whatever_happens(steps in prop::collection::vec(step(), 1..120)) {
        let mut world = World::new();
        for step in steps {
            world.step(step);
        }
        // In the end everybody is away for longer than any grace: nobody and nothing is left.
        for who in 0..PEOPLE {
            while !world.gone && world.open.get(&who).is_some_and(|seats| !seats.is_empty()) {
                world.step(Step::Lose(who, 0));
            }
        }
        world.step(Step::Wait(12_000));
        prop_assert!(world.gone);
        prop_assert_eq!(world.state.count(), 0);
    }
}
