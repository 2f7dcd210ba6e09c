//! Who is in one room. Pure: time comes in, and what follows from it goes out.
//!
//! One identity is one occupant, however many connections it has. A connection that leaves on
//! purpose leaves at once; one that is lost keeps its place until a moment that the caller gives.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Instant,
};

use crate::chat::{Origin, Uid, people::Person};

/// One connection's place in a room. Unique in the process, so that a late farewell of an old
/// connection never counts against a new one.
pub type SeatId = u64;

/// The room has as many occupants as it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

#[derive(Clone, Debug)]
struct Occupant {
    person: Person,
    seats: BTreeSet<SeatId>,
    /// Who came earlier has a smaller one.
    arrival: u64,
    /// A lost connection may come back until then.
    lost_until: Option<Instant>,
}

/// The occupants of one room.
#[derive(Clone, Debug, Default)]
pub struct Presence {
    occupants: BTreeMap<Uid, Occupant>,
    arrivals: u64,
}

impl Presence {
    /// Somebody who was here before a restart: without a connection, awaited until `until`. To be
    /// called in the order in which they came.
    pub fn restore(&mut self, person: Person, until: Instant) {
        self.insert(person, BTreeSet::new(), Some(until));
    }

    /// Takes a place. `Ok(true)` when the identity was not here before: that is a join.
    pub fn enter(&mut self, person: &Person, seat: SeatId, max: u32) -> Result<bool, Full> {
        if let Some(occupant) = self.occupants.get_mut(&person.uid) {
            occupant.seats.insert(seat);
            occupant.lost_until = None;
            return Ok(false);
        }
        if self.count() >= max {
            return Err(Full);
        }
        self.insert(person.clone(), BTreeSet::from([seat]), None);
        Ok(true)
    }

    fn insert(&mut self, person: Person, seats: BTreeSet<SeatId>, lost_until: Option<Instant>) {
        self.arrivals += 1;
        let occupant = Occupant { arrival: self.arrivals, seats, lost_until, person };
        self.occupants.insert(occupant.person.uid, occupant);
    }

    /// A connection leaves on purpose. The person, when that was an exit.
    pub fn leave(&mut self, who: Uid, seat: SeatId) -> Option<Person> {
        let occupant = self.occupants.get_mut(&who)?;
        if !occupant.seats.remove(&seat) {
            return None;
        }
        self.exit_if(who, |occupant| occupant.seats.is_empty() && occupant.lost_until.is_none())
    }

    /// A connection is lost; the place is kept until `until`.
    pub fn lose(&mut self, who: Uid, seat: SeatId, until: Instant) {
        if let Some(occupant) = self.occupants.get_mut(&who)
            && occupant.seats.remove(&seat)
            && occupant.seats.is_empty()
        {
            occupant.lost_until = Some(until);
        }
    }

    /// The person says that no lost connection will come back.
    pub fn give_up(&mut self, who: Uid) -> Option<Person> {
        self.exit_if(who, |occupant| occupant.seats.is_empty())
    }

    /// Takes every place of that person.
    pub fn remove(&mut self, who: Uid) -> Option<Person> {
        self.exit_if(who, |_| true)
    }

    /// One of those whose time to come back is over: call again until there is none. One at a time,
    /// so that the count is right for each.
    pub fn expire(&mut self, now: Instant) -> Option<Person> {
        let over = |occupant: &Occupant| occupant.lost_until.is_some_and(|until| until <= now);
        let mut occupants = self.occupants.iter();
        let gone = occupants.find(|(_, occupant)| occupant.seats.is_empty() && over(occupant));
        let uid = *gone?.0;
        self.remove(uid)
    }

    /// When [`expire`](Self::expire) will next have something to do.
    pub fn next_expiry(&self) -> Option<Instant> {
        self.occupants.values().filter_map(|occupant| occupant.lost_until).min()
    }

    pub fn count(&self) -> u32 {
        u32::try_from(self.occupants.len()).unwrap_or(u32::MAX)
    }

    pub fn has(&self, who: Uid) -> bool {
        self.occupants.contains_key(&who)
    }

    /// Whether the place counts: it was not given up, nor taken away.
    pub fn holds(&self, who: Uid, seat: SeatId) -> bool {
        self.occupants.get(&who).is_some_and(|occupant| occupant.seats.contains(&seat))
    }

    /// Everybody, with the number of their open connections.
    pub fn people(&self) -> impl Iterator<Item = (&Person, usize)> {
        self.occupants.values().map(|occupant| (&occupant.person, occupant.seats.len()))
    }

    /// Who comes next after an owner who has gone: the person who has been here longest. A device
    /// could do nothing with a room.
    pub fn heir(&self) -> Option<&Person> {
        let people = self.occupants.values().filter(|it| it.person.kind == Origin::Browser);
        people.min_by_key(|it| it.arrival).map(|occupant| &occupant.person)
    }

    fn exit_if(&mut self, who: Uid, gone: impl Fn(&Occupant) -> bool) -> Option<Person> {
        if !gone(self.occupants.get(&who)?) {
            return None;
        }
        self.occupants.remove(&who).map(|occupant| occupant.person)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::chat::Colour;

    fn person(n: u8) -> Person {
        let uid = Uid::from_entropy([n; 16]);
        Person { uid, user: Colour::from_hash(n.into()), name: None, kind: Origin::Browser }
    }

    #[test]
    fn three_tabs_are_one_occupant_with_one_join_and_one_exit() {
        let (mut room, one) = (Presence::default(), person(1));
        assert_eq!(room.enter(&one, 1, 2), Ok(true));
        assert_eq!(room.enter(&one, 2, 2), Ok(false));
        assert_eq!(room.enter(&one, 3, 2), Ok(false));
        assert_eq!(room.count(), 1);
        assert_eq!(room.leave(one.uid, 1), None);
        assert_eq!(room.leave(one.uid, 3), None);
        assert_eq!(room.leave(one.uid, 3), None);
        assert_eq!(room.leave(one.uid, 2), Some(one));
        assert_eq!(room.count(), 0);
    }

    #[test]
    fn a_full_room_takes_nobody_new_but_a_further_tab() {
        let mut room = Presence::default();
        assert_eq!(room.enter(&person(1), 1, 2), Ok(true));
        assert_eq!(room.enter(&person(2), 2, 2), Ok(true));
        assert_eq!(room.enter(&person(3), 3, 2), Err(Full));
        assert_eq!(room.enter(&person(2), 4, 2), Ok(false));
    }

    #[test]
    fn a_lost_connection_keeps_its_place_for_the_grace() {
        let (mut room, one, start) = (Presence::default(), person(1), Instant::now());
        let until = start + Duration::from_secs(10);
        room.enter(&one, 1, 2).unwrap();
        room.lose(one.uid, 1, until);
        assert_eq!(room.next_expiry(), Some(until));
        assert_eq!(room.expire(until - Duration::from_millis(1)), None);
        assert_eq!(room.enter(&one, 2, 2), Ok(false), "back in time: no second join");
        assert_eq!(room.expire(until), None);
        room.lose(one.uid, 2, until);
        assert_eq!(room.expire(until), Some(one));
        assert_eq!(room.expire(until), None);
    }

    #[test]
    fn losing_one_of_two_connections_is_nothing() {
        let (mut room, one, now) = (Presence::default(), person(1), Instant::now());
        room.enter(&one, 1, 2).unwrap();
        room.enter(&one, 2, 2).unwrap();
        room.lose(one.uid, 1, now);
        assert_eq!(room.expire(now), None);
        assert_eq!(room.give_up(one.uid), None);
        assert_eq!(room.leave(one.uid, 2), Some(one));
    }

    #[test]
    fn a_late_farewell_of_somebody_removed_counts_for_nothing() {
        let (mut room, one, now) = (Presence::default(), person(1), Instant::now());
        room.enter(&one, 1, 2).unwrap();
        assert!(room.remove(one.uid).is_some());
        assert_eq!(room.enter(&one, 2, 2), Ok(true));
        room.lose(one.uid, 1, now);
        assert_eq!(room.leave(one.uid, 1), None);
        assert_eq!(room.expire(now), None);
        assert_eq!(room.count(), 1);
    }

    #[test]
    fn the_heir_is_the_person_who_has_been_here_longest() {
        let (mut room, now) = (Presence::default(), Instant::now());
        assert_eq!(room.heir(), None);
        room.restore(Person { kind: Origin::Device, ..person(1) }, now);
        assert_eq!(room.heir(), None, "a device is nobody's owner");
        room.restore(person(4), now);
        room.enter(&person(2), 1, 9).unwrap();
        assert_eq!(room.heir(), Some(&person(4)));
        room.remove(person(4).uid);
        room.enter(&person(4), 2, 9).unwrap();
        assert_eq!(room.heir(), Some(&person(2)), "who comes again has just come");
    }

    #[test]
    fn those_of_before_a_restart_are_awaited() {
        let (mut room, one, now) = (Presence::default(), person(1), Instant::now());
        room.restore(one.clone(), now + Duration::from_secs(60));
        room.restore(person(2), now + Duration::from_secs(60));
        assert_eq!(room.count(), 2);
        assert_eq!(room.enter(&one, 9, 2), Ok(false));
        assert_eq!(room.expire(now + Duration::from_secs(60)), Some(person(2)));
    }
}
