//! What people do: book, move, swap, edit, cancel, book again, on every platform, also on two of them at once.

use jiff::civil::time;
use jiff::{SignedDuration, Timestamp, ToSpan};

use crate::dice::Dice;
use crate::person::{Edit, Seen};
use crate::world::{Place, SERVICES};

use super::auditor::{Auditor, statuses};
use super::cast;
use super::scenario::Scenario;
use super::stage::Stage;

/// The people of one life, and their dice.
#[derive(Debug)]
pub struct People {
    scenario: Scenario,
    dice: Dice,
    /// How many clients there are.
    clients: u64,
    /// How many comments, phones and addresses were made up.
    versions: u64,
    /// Records that people made on a platform without a listing, for the owner's config.
    pub made: Vec<u64>,
    /// What they did, in a few words each, without the names of anybody.
    pub diary: Vec<String>,
}

impl People {
    /// People who have not done anything yet.
    pub fn new(scenario: &Scenario) -> Self {
        Self {
            scenario: scenario.clone(),
            dice: Dice::new(scenario.seed ^ 0x9e0_91e5),
            clients: 0,
            versions: 0,
            made: Vec::new(),
            diary: Vec::new(),
        }
    }

    /// The bookings that are there before a bridge comes.
    pub fn move_in(&mut self, stage: &Stage, auditor: &mut Auditor) {
        for _ in 0..self.scenario.size {
            if let Some(place) = self.place(stage) {
                self.book(stage, auditor, place);
            }
        }
    }

    /// Some people do something, one after the other.
    pub fn step(&mut self, stage: &Stage, auditor: &mut Auditor) {
        for _ in 0..self.dice.below(6) {
            self.act(stage, auditor);
        }
    }

    /// One person does something.
    pub fn act(&mut self, stage: &Stage, auditor: &mut Auditor) {
        let Some(place) = self.place(stage) else {
            return;
        };
        match self.dice.below(20) {
            0..4 => self.book(stage, auditor, place),
            4 => {
                for _ in 0..2 + self.dice.below(4) {
                    self.book(stage, auditor, place);
                }
            }
            5 => self.book_at_the_edge(stage, auditor, place),
            6..9 => self.move_one(stage, auditor, place),
            9 => self.swap(stage, auditor, place),
            10..12 => self.cancel(stage, auditor, place),
            12 => self.cancel_and_book_again(stage, auditor, place),
            13..17 => self.edit(stage, auditor, place),
            _ => self.both_sides(stage, auditor),
        }
    }

    fn place(&mut self, stage: &Stage) -> Option<Place> {
        self.dice.pick(&stage.places).copied()
    }

    fn note(&mut self, stage: &Stage, place: Place, what: &str, seen: &Seen) {
        let client = cast::client_of(&seen.name).unwrap_or(0);
        self.diary.push(format!(
            "{} {what} client {client} on {}: record {}, staff {}, {} to {}",
            stage.clock.now(),
            place.name(),
            seen.id,
            seen.staff,
            seen.start,
            seen.end
        ));
    }

    /// A start that a client is offered: some half hour within working hours.
    fn start(&mut self, stage: &Stage, place: Place) -> Timestamp {
        let zone = self.scenario.zone(place);
        let now = stage.clock.now();
        let days = self.scenario.window.as_hours() / 24 - 1;
        let near = self.dice.below(3) > 0;
        let within = if near { days.min(6) } else { days };
        let within = u64::try_from(within).unwrap_or(1);
        let day = i64::try_from(self.dice.below(within)).unwrap_or(0) + 1;
        let (open, close) = self.scenario.hours;
        // In the nights when clocks change, people book into the small hours.
        let hour = if open == 0 && self.dice.coin() {
            i8::try_from(self.dice.below(5)).unwrap_or(0)
        } else {
            let span = u64::try_from(close - open - 2).unwrap_or(1);
            open + i8::try_from(self.dice.below(span)).unwrap_or(0)
        };
        let minute = if self.dice.coin() { 0 } else { 30 };
        let date = zone.to_datetime(now).date().saturating_add(day.days());
        let local = date.to_datetime(time(hour, minute, 0, 0));
        zone.to_ambiguous_timestamp(local)
            .compatible()
            .unwrap_or(now)
    }

    /// A member of staff and a time that the platform itself shows as free.
    fn free(&mut self, stage: &Stage, place: Place, minutes: i64) -> Option<(usize, Timestamp)> {
        let hand = stage.side(place).hand;
        for _ in 0..40 {
            let staff = self.dice.index(self.scenario.staff);
            let start = self.start(stage, place);
            if hand.is_free(cast::staff_id(place, staff), start, minutes) {
                return Some((staff, start));
            }
        }
        None
    }

    fn book(&mut self, stage: &Stage, auditor: &mut Auditor, place: Place) {
        let Some(service) = self.dice.pick(&SERVICES).copied() else {
            return;
        };
        if let Some((staff, start)) = self.free(stage, place, service.minutes) {
            self.book_at(stage, auditor, place, (staff, start));
        }
    }

    fn book_at(
        &mut self,
        stage: &Stage,
        auditor: &mut Auditor,
        place: Place,
        (staff, start): (usize, Timestamp),
    ) {
        let hand = stage.side(place).hand;
        let fitting: Vec<_> = SERVICES
            .iter()
            .filter(|service| hand.is_free(cast::staff_id(place, staff), start, service.minutes))
            .copied()
            .collect();
        let Some(service) = self.dice.pick(&fitting) else {
            return;
        };
        let length = SignedDuration::from_mins(service.minutes);
        let end = start.saturating_add(length).unwrap_or(start);
        // By the clocks on the wall such a booking would end before it begins, and SimplyBook.me has no others.
        let zone = self.scenario.zone(place);
        if place == Place::Simplybook && zone.to_datetime(end) <= zone.to_datetime(start) {
            return;
        }
        self.clients += 1;
        let booking = cast::booking(place, self.clients, staff, service, start, &mut self.dice);
        let side = stage.side(place);
        let id = side.hand.book(&booking);
        if place == Place::Rubitime {
            self.made.push(id);
        }
        if let Some(seen) = side.view.seen(id) {
            auditor.booked(place, &seen);
            self.note(stage, place, "books", &seen);
        }
    }

    /// Just before, at or just after the end of what is kept in step.
    fn book_at_the_edge(&mut self, stage: &Stage, auditor: &mut Auditor, place: Place) {
        let staff = self.dice.index(self.scenario.staff);
        let zone = self.scenario.zone(place);
        let edge = stage
            .clock
            .now()
            .saturating_add(self.scenario.window)
            .unwrap_or(Timestamp::MAX);
        let day = i64::try_from(self.dice.below(3)).unwrap_or(0) - 1;
        let local = zone.to_datetime(edge).saturating_add(day.days());
        let hour = self.scenario.hours.0 + 4;
        let at = local.date().to_datetime(time(hour, 30, 0, 0));
        let start = zone.to_ambiguous_timestamp(at).compatible().unwrap_or(edge);
        self.book_at(stage, auditor, place, (staff, start));
    }

    /// A record that people may touch: that of a client, and not a lesson of the past.
    ///
    /// A copy of which the bridge cannot know, because the answer to its making was lost where nothing can be listed, is
    /// left alone: what happens to it there nobody can follow.
    fn record(&mut self, stage: &Stage, auditor: &Auditor, place: Place) -> Option<Seen> {
        let now = stage.clock.now();
        let live: Vec<Seen> = stage
            .side(place)
            .view
            .live()
            .into_iter()
            .filter(|seen| {
                let client = cast::client_of(&seen.name);
                client.is_some_and(|client| !auditor.is_left_alone(place, client))
                    && seen.start > now
            })
            .collect();
        self.dice.pick(&live).cloned()
    }

    fn move_one(&mut self, stage: &Stage, auditor: &mut Auditor, place: Place) {
        let Some(seen) = self.record(stage, auditor, place) else {
            return;
        };
        let minutes = seen.end.duration_since(seen.start).as_mins();
        let Some((staff, start)) = self.free(stage, place, minutes) else {
            return;
        };
        let stays = self.dice.coin();
        let staff = if stays {
            seen.staff
        } else {
            cast::staff_id(place, staff)
        };
        if !stage.side(place).hand.is_free(staff, start, minutes) {
            return;
        }
        self.change(stage, auditor, place, &seen, "moves", |hand| {
            hand.move_to(seen.id, start).is_ok()
                && (staff == seen.staff
                    || hand
                        .edit(
                            seen.id,
                            &Edit {
                                staff: Some(staff),
                                ..Edit::default()
                            },
                        )
                        .is_ok())
        });
    }

    /// Does something to a record and lets the auditor see it before and after.
    fn change(
        &mut self,
        stage: &Stage,
        auditor: &mut Auditor,
        place: Place,
        before: &Seen,
        what: &str,
        act: impl FnOnce(&dyn crate::person::Hand) -> bool,
    ) {
        let side = stage.side(place);
        if !act(side.hand) {
            return;
        }
        if let Some(after) = side.view.seen(before.id) {
            auditor.changed((place, stage.clock.now()), before, &after);
            self.note(stage, place, what, &after);
        }
    }

    /// Two clients of one platform take each other's time.
    fn swap(&mut self, stage: &Stage, auditor: &mut Auditor, place: Place) {
        let (Some(one), Some(other)) = (
            self.record(stage, auditor, place),
            self.record(stage, auditor, place),
        ) else {
            return;
        };
        let length = |seen: &Seen| seen.end.duration_since(seen.start);
        if one.id == other.id || length(&one) != length(&other) {
            return;
        }
        for (seen, to) in [(&one, &other), (&other, &one)] {
            let edit = Edit {
                staff: Some(to.staff),
                ..Edit::default()
            };
            self.change(stage, auditor, place, seen, "swaps", |hand| {
                hand.move_to(seen.id, to.start).is_ok() && hand.edit(seen.id, &edit).is_ok()
            });
        }
    }

    /// The client's live records on the other platforms.
    fn elsewhere(stage: &Stage, place: Place, client: u64) -> Vec<(Place, Seen)> {
        stage
            .sides()
            .iter()
            .filter(|side| side.place != place)
            .flat_map(|side| {
                side.view
                    .live()
                    .into_iter()
                    .map(|seen| (side.place, seen))
                    .collect::<Vec<_>>()
            })
            .filter(|(_, seen)| cast::client_of(&seen.name) == Some(client))
            .collect()
    }

    fn cancel(&mut self, stage: &Stage, auditor: &mut Auditor, place: Place) {
        if let Some(seen) = self.record(stage, auditor, place) {
            let for_good = self.dice.below(4) == 0;
            self.cancel_this(stage, auditor, place, &seen, for_good);
        }
    }

    fn cancel_this(
        &mut self,
        stage: &Stage,
        auditor: &mut Auditor,
        place: Place,
        seen: &Seen,
        for_good: bool,
    ) {
        let client = cast::client_of(&seen.name).unwrap_or(0);
        let others = Self::elsewhere(stage, place, client);
        let hand = stage.side(place).hand;
        // SimplyBook.me keeps every booking; only a clean-up of old ones removes any.
        let removes = for_good && place != Place::Simplybook;
        let done = if removes {
            hand.remove(seen.id)
        } else {
            hand.cancel(seen.id)
        };
        if done.is_ok() {
            auditor.cancelled(place, seen, &others);
            if removes {
                auditor.removed(place);
            }
            let what = if removes { "removes" } else { "cancels" };
            self.note(stage, place, what, seen);
        }
    }

    /// Only where nothing is open, since else nobody could say which of two bookings somebody means.
    fn cancel_and_book_again(&mut self, stage: &Stage, auditor: &mut Auditor, place: Place) {
        let Some(seen) = self.record(stage, auditor, place) else {
            return;
        };
        let client = cast::client_of(&seen.name).unwrap_or(0);
        let mut records = Self::elsewhere(stage, place, client);
        records.push((place, seen.clone()));
        let nobody_knows = place == Place::Rubitime && !self.scenario.named;
        let has_sink = place == Place::Simplybook && self.scenario.sink;
        if !auditor.is_settled(client, &records) || nobody_knows || has_sink {
            return;
        }
        let minutes = seen.end.duration_since(seen.start).as_mins();
        let same_time = self.dice.coin();
        let other = self.free(stage, place, minutes);
        let (staff, start) = match (same_time, other) {
            (false, Some((staff, start))) => (cast::staff_id(place, staff), start),
            _ => (seen.staff, seen.start),
        };
        self.cancel_this(stage, auditor, place, &seen, false);
        let mut booking = crate::person::Booking::new(staff, 0, start, minutes);
        booking.services.clone_from(&seen.services);
        booking.name = cast::client_name(client);
        booking.phone.clone_from(&seen.phone);
        booking.email.clone_from(&seen.email);
        booking.status = seen.status;
        booking.comment = seen
            .comment
            .lines()
            .filter(|line| !line.contains("[sb"))
            .collect::<Vec<_>>()
            .join("\n");
        let side = stage.side(place);
        let id = side.hand.book(&booking);
        if place == Place::Rubitime {
            self.made.push(id);
        }
        if let Some(again) = side.view.seen(id) {
            auditor.booked(place, &again);
            self.note(stage, place, "books again", &again);
        }
    }

    fn edit(&mut self, stage: &Stage, auditor: &mut Auditor, place: Place) {
        if let Some(seen) = self.record(stage, auditor, place) {
            self.edit_this(stage, auditor, place, &seen);
        }
    }

    fn edit_this(&mut self, stage: &Stage, auditor: &mut Auditor, place: Place, seen: &Seen) {
        let client = cast::client_of(&seen.name).unwrap_or(0);
        self.versions += 1;
        let version = self.versions;
        let mut edit = Edit::default();
        match self.dice.below(8) {
            0..3 => {
                let long = self.dice.below(12) == 0 && place != Place::Alfacrm;
                edit.comment =
                    Some(self.beside_marker(seen, &cast::comment(client, version, long)));
            }
            3 => {
                let phone = cast::phone(client, 1 + version % 9);
                edit.phone = Some(cast::spelled(&phone, &mut self.dice));
            }
            4 => edit.email = Some(cast::email(client, version)),
            5 => {
                if seen.services.len() == 1
                    && let Some(service) = self.dice.pick(&SERVICES)
                {
                    edit.services = Some(vec![place.service(service)]);
                }
            }
            6 => edit.status = self.dice.pick(statuses(place)).copied(),
            _ => {
                let minutes = seen.end.duration_since(seen.start).as_mins();
                let end = seen.end;
                if stage.side(place).hand.is_free(seen.staff, end, 30) {
                    edit.minutes = Some(minutes + 30);
                }
            }
        }
        // A sink's contacts are nobody's; people leave them alone.
        if place == Place::Simplybook
            && self.scenario.sink
            && (edit.phone.is_some() || edit.email.is_some())
        {
            return;
        }
        if edit == Edit::default() {
            return;
        }
        self.change(stage, auditor, place, seen, "edits", |hand| {
            hand.edit(seen.id, &edit).is_ok()
        });
    }

    /// People write before the marker; now and then one wipes it away with the rest.
    fn beside_marker(&mut self, seen: &Seen, comment: &str) -> String {
        let marker = seen.comment.lines().find(|line| line.contains("[sb"));
        match marker {
            Some(marker) if self.dice.below(12) > 0 => format!("{comment}\n{marker}"),
            _ => comment.to_owned(),
        }
    }

    /// One booking is touched on two platforms before any run has seen the first touch.
    fn both_sides(&mut self, stage: &Stage, auditor: &mut Auditor) {
        let Some(place) = self.place(stage) else {
            return;
        };
        let Some(seen) = self.record(stage, auditor, place) else {
            return;
        };
        let client = cast::client_of(&seen.name).unwrap_or(0);
        let others = Self::elsewhere(stage, place, client);
        let Some((there, other)) = self.dice.pick(&others).cloned() else {
            return;
        };
        if auditor.is_left_alone(there, client) {
            return;
        }
        for (place, seen) in [(place, seen), (there, other)] {
            match self.dice.below(5) {
                0 => {
                    let minutes = seen.end.duration_since(seen.start).as_mins();
                    if let Some((_, start)) = self.free(stage, place, minutes)
                        && stage.side(place).hand.is_free(seen.staff, start, minutes)
                    {
                        self.change(stage, auditor, place, &seen, "moves", |hand| {
                            hand.move_to(seen.id, start).is_ok()
                        });
                    }
                }
                1 => self.cancel_this(stage, auditor, place, &seen, false),
                _ => self.edit_this(stage, auditor, place, &seen),
            }
        }
    }

    /// A wait until the next people come; never so long that a record could be over for a day before anybody looks again.
    pub fn pause(&mut self) -> SignedDuration {
        let minutes = match self.dice.below(6) {
            0..3 => 1 + self.dice.below(20),
            3 | 4 => 20 + self.dice.below(300),
            _ => 300 + self.dice.below(15 * 60),
        };
        SignedDuration::from_mins(i64::try_from(minutes).unwrap_or(1))
    }
}
