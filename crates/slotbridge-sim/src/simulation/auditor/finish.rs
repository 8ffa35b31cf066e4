//! The judgement at the end, when people and faults have stopped and slotbridge has had its time.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::person::Seen;
use crate::simulation::cast;
use crate::simulation::stage::Stage;
use crate::world::Place;

use super::client::Client;
use super::history::{History, Word};
use super::holds::{Field, fits, shown};
use super::told::{Subject, Told};
use super::{Auditor, Invariant};

/// How near the edge of the window a booking may be on either side of it.
const EDGE: SignedDuration = SignedDuration::from_hours(3);

/// How far ahead a platform without a listing shows its free times.
const HORIZON: SignedDuration = SignedDuration::from_hours(29 * 24);

/// The live records of every platform.
type Records = BTreeMap<Place, Vec<Seen>>;

/// One time of one member of staff, in seconds.
type Time = (String, i64, i64);

struct Scene<'a> {
    told: &'a Told,
    records: Records,
    /// When each client's booking may be, and where it stands.
    times: BTreeMap<u64, Vec<Time>>,
    now: Timestamp,
}

impl Auditor {
    /// Judges the end. `wrote` says how many writes each of the last passes made, the very last one at the end.
    pub fn finish(&mut self, stage: &Stage, told: &Told, wrote: &[usize]) {
        let now = stage.clock.now();
        if !wrote.is_empty() && wrote.iter().all(|count| *count > 0) {
            let what = format!("does not come to rest: writes of the last passes {wrote:?}");
            self.object(Invariant::Convergence, now, what);
        }
        let records: Records = stage
            .sides()
            .iter()
            .map(|side| (side.place, side.view.live()))
            .collect();
        let times = self
            .clients
            .iter()
            .map(|(number, client)| {
                let mut times = standing_times(*number, client, &records);
                if told.waits(*number) {
                    // What a person has to decide keeps its time until then.
                    times.extend(client.times());
                }
                (*number, times)
            })
            .collect();
        let scene = Scene {
            told,
            records,
            times,
            now,
        };
        let clients = std::mem::take(&mut self.clients);
        for (number, client) in &clients {
            for (invariant, what) in self.judge(*number, client, &clients, &scene) {
                self.object(invariant, now, format!("client {number}: {what}"));
            }
        }
        for what in judge_blocks(&clients, &scene) {
            self.object(Invariant::Convergence, now, what);
        }
        self.clients = clients;
    }

    fn judge(
        &self,
        number: u64,
        client: &Client,
        clients: &BTreeMap<u64, Client>,
        scene: &Scene<'_>,
    ) -> Vec<(Invariant, String)> {
        if scene.told.waits(number) || self.is_at_an_edge(number, scene) {
            return Vec::new();
        }
        if client.unlisted {
            return self.judge_unlisted(number, client, scene);
        }
        if !client.cut.is_empty() {
            return judge_cut(number, client, scene);
        }
        let mut found = Vec::new();
        let mut alive: Vec<(Place, &Seen)> = Vec::new();
        let mut missing = Vec::new();
        for (place, live) in &scene.records {
            let mine: Vec<&Seen> = live.iter().filter(|seen| is_of(seen, number)).collect();
            if mine.len() > 1 {
                let ids: Vec<u64> = mine.iter().map(|seen| seen.id).collect();
                let what = format!("{ids:?} on {} are one booking", place.name());
                found.push((Invariant::NoDuplicates, what));
            }
            match mine.first() {
                Some(seen) => alive.push((*place, seen)),
                None => missing.push(*place),
            }
        }
        let excused = |place: Place| {
            let told = scene.told.trouble(number, place);
            // A record that a person made there, as long as its webhook was late or it was not read yet, or moved there
            // while it was read.
            let is_news = |other: &Client| {
                self.scenario.always_on && other.origin == place
                    || !std::ptr::eq(other, client) && other.was_moved_into_a_run(place)
            };
            may_be_hidden(client, place, clients, |other| {
                other.unlisted || other.cut.contains(&place)
            }) || told && may_be_hidden(client, place, clients, is_news)
                || told && self.may_be_open(client, place, scene)
                || told && self.reason(number, client, place, scene)
                || self.may_be_blind(place, scene)
        };
        // Copies that nobody can know to have stood: while a person is told of them, the booking waits as it is elsewhere.
        let unanswered = client
            .only_fresh_cancels()
            .filter(|places| {
                places
                    .iter()
                    .all(|place| scene.told.trouble(number, *place))
            })
            .unwrap_or_default();
        if client.must_be_gone() {
            if !unanswered.is_empty() || self.is_cancelled_unseen(client, scene) {
                return found;
            }
            for (place, seen) in alive.iter().filter(|(place, _)| !excused(*place)) {
                let what = format!("was cancelled and lives on {} as {}", place.name(), seen.id);
                found.push((Invariant::NoResurrection, what));
            }
            return found;
        }
        if client.must_live() || !alive.is_empty() {
            for place in missing
                .iter()
                .filter(|place| !excused(**place) && !unanswered.contains(place))
            {
                let lost = client.must_live() && (alive.is_empty() || *place == client.origin);
                let invariant = if lost {
                    Invariant::NothingLost
                } else {
                    Invariant::Convergence
                };
                let what = format!("is not on {}, but on {:?}", place.name(), names(&alive));
                found.push((invariant, what));
            }
        }
        let in_step: Vec<(Place, &Seen)> = alive
            .into_iter()
            .filter(|(place, _)| !excused(*place))
            .collect();
        for field in Field::ALL {
            found.extend(self.judge_field(number, client, field, &in_step, &unanswered, scene));
        }
        found
    }

    /// Every platform shows one and the same of the values that may stand, and those that lost were told of.
    fn judge_field(
        &self,
        number: u64,
        client: &Client,
        field: Field,
        alive: &[(Place, &Seen)],
        unanswered: &[Place],
        scene: &Scene<'_>,
    ) -> Option<(Invariant, String)> {
        let sink = self.scenario.sink;
        let history = client.fields.get(&field)?;
        let on_old_card = |place: Place, seen: &Seen| {
            let text = shown(place, field, seen);
            client.old_card.contains(&(place, field))
                && history
                    .latest(|value| fits(place, field, value, &text, sink))
                    .is_some()
        };
        let alive: Vec<(Place, &Seen)> = alive
            .iter()
            .copied()
            .filter(|(place, seen)| !on_old_card(*place, seen))
            .collect();
        let alive = alive.as_slice();
        let fits_all = |word: &Word| {
            alive.iter().all(|(place, seen)| {
                fits(
                    *place,
                    field,
                    &word.value,
                    &shown(*place, field, seen),
                    sink,
                )
            })
        };
        // Between writing a record and reading back what became of it, an edit looks like the platform's own spelling.
        if history.standing().iter().any(|word| word.racy) {
            return None;
        }
        // Who cancelled against somebody else's word has said everything anew: what was said before may stand or not.
        let contested = !client.cancels.is_empty();
        // A record that is made again may be put on a card that is there, with the contacts of that card.
        if contested && matches!(field, Field::Phone | Field::Email) {
            return None;
        }
        let possible = if contested {
            history.words().iter().collect()
        } else {
            history.possible()
        };
        let winners: Vec<&&Word> = possible.iter().filter(|word| fits_all(word)).collect();
        if alive.is_empty() {
            return None;
        }
        if winners.is_empty()
            && self.was_decided_by_a_wrong_clock(number, history, field, alive, scene.told)
        {
            return None;
        }
        if winners.is_empty() {
            let shows: Vec<(&str, String)> = alive
                .iter()
                .map(|(place, seen)| (place.name(), shown(*place, field, seen)))
                .collect();
            let said_by_somebody = alive.iter().all(|(place, seen)| {
                let text = shown(*place, field, seen);
                history
                    .latest(|value| fits(*place, field, value, &text, sink))
                    .is_some()
            });
            let invariant = if said_by_somebody {
                Invariant::Convergence
            } else {
                Invariant::NothingLost
            };
            let want: Vec<&str> = possible.iter().map(|word| word.value.as_str()).collect();
            return Some((
                invariant,
                format!("{field:?} is {shows:?}, wanted {want:?}"),
            ));
        }
        let told_of_removal = contested && scene.told.conflict(number, Subject::Removal);
        let losers = history
            .standing()
            .into_iter()
            .filter(|word| !word.racy && !word.taken_back)
            // What was said of a copy that nobody can know to have stood went with it.
            .filter(|word| !unanswered.contains(&word.place))
            .filter(|word| !told_of_removal && !fits_all(word));
        for loser in losers {
            let only_racy_won = winners.iter().all(|word| word.racy);
            if !only_racy_won && !scene.told.names(number, field, &loser.value) {
                let what = format!("{field:?} {:?} was overwritten in silence", loser.value);
                return Some((Invariant::NothingLost, what));
            }
        }
        None
    }

    /// Whether the newest of several words was found by a clock that somebody had set wrong: all platforms show one and the
    /// same word, and everything that lost against it was told of.
    fn was_decided_by_a_wrong_clock(
        &self,
        number: u64,
        history: &History,
        field: Field,
        alive: &[(Place, &Seen)],
        told: &Told,
    ) -> bool {
        let shows = |word: &Word| {
            alive.iter().all(|(place, seen)| {
                let text = shown(*place, field, seen);
                fits(*place, field, &word.value, &text, self.scenario.sink)
            })
        };
        self.scenario.clock_steps
            && history.words().iter().any(shows)
            && history
                .standing()
                .iter()
                .all(|word| told.names(number, field, &word.value))
    }

    /// Whether a booking begins so near now, or so near the end of the window, that nothing can be asked of it.
    fn is_at_an_edge(&self, number: u64, scene: &Scene<'_>) -> bool {
        let end = scene
            .now
            .saturating_add(self.scenario.window)
            .unwrap_or(Timestamp::MAX);
        let soon = scene.now.as_second();
        let far = end.saturating_sub(EDGE).unwrap_or(end).as_second();
        let times = scene.times.get(&number);
        times.is_some_and(|times| {
            times
                .iter()
                .any(|(_, from, _)| *from <= soon || *from >= far)
        })
    }

    /// Whether the auditor itself sees why a booking may not be on a platform as it should.
    fn reason(&self, number: u64, client: &Client, place: Place, scene: &Scene<'_>) -> bool {
        let zone = self.scenario.zone(place);
        let times = client.possible_times();
        let blocked = |time: &Time| {
            let by_record = scene.records.get(&place).is_some_and(|live| {
                live.iter()
                    .any(|seen| !is_of(seen, number) && meets(time, &time_of(place, seen)))
            });
            by_record
                || scene
                    .times
                    .iter()
                    .filter(|(other, _)| **other != number)
                    .any(|(_, others)| others.iter().any(|other| meets(time, other)))
        };
        times.iter().any(|time| {
            blocked(time)
                || cannot_be_spelled(&zone, time)
                || is_closed(&zone, time, self.scenario.hours)
        })
    }

    /// Whether a platform shows nothing at all because a person removed what stood there: nobody can tell that from one that
    /// does not let us see any more. What stands behind the window is not asked for.
    fn may_be_blind(&self, place: Place, scene: &Scene<'_>) -> bool {
        let end = scene.now.saturating_add(self.scenario.window);
        let end = end.unwrap_or(Timestamp::MAX);
        let shows = |live: &Vec<Seen>| live.iter().any(|seen| seen.start < end);
        self.removed.contains(&place)
            && scene.told.empty.contains(&place)
            && !scene.records.get(&place).is_some_and(shows)
    }

    /// Whether it was cancelled only where nothing is shown.
    fn is_cancelled_unseen(&self, client: &Client, scene: &Scene<'_>) -> bool {
        let cancels = &client.cancels;
        cancels
            .iter()
            .all(|cancel| self.may_be_blind(cancel.place, scene))
    }

    /// Whether a write of which nobody knows whether it happened can never be settled: its time is over, or lies beyond
    /// what the platform shows, or outside its hours, of which it shows nothing.
    fn may_be_open(&self, client: &Client, place: Place, scene: &Scene<'_>) -> bool {
        let shown = scene.now.saturating_add(HORIZON).unwrap_or(Timestamp::MAX);
        let (now, shown) = (scene.now.as_second(), shown.as_second());
        let zone = self.scenario.zone(place);
        place == Place::Rubitime
            && self.doubts
            && client.times().iter().any(|time| {
                time.1 <= now || time.2 > shown || is_closed(&zone, time, self.scenario.hours)
            })
    }

    /// What nobody can list takes its time everywhere.
    fn judge_unlisted(
        &self,
        number: u64,
        client: &Client,
        scene: &Scene<'_>,
    ) -> Vec<(Invariant, String)> {
        let horizon = scene
            .now
            .saturating_add(HORIZON.min(self.scenario.window))
            .unwrap_or(Timestamp::MAX);
        let here = scene.records.get(&client.origin);
        let Some(seen) = here.and_then(|live| live.iter().find(|seen| is_of(seen, number))) else {
            let invariant = Invariant::NothingLost;
            return if client.must_live() {
                vec![(invariant, "its only record is gone".to_owned())]
            } else {
                Vec::new()
            };
        };
        if seen.start <= scene.now || seen.end > horizon {
            return Vec::new();
        }
        // What lies outside the hours of its own platform is on no table of start times there.
        let zone = self.scenario.zone(client.origin);
        let Some(time) = within_hours(&zone, time_of(client.origin, seen), self.scenario.hours)
        else {
            return Vec::new();
        };
        // In the night in which clocks change, a table of start times does not say which of two hours it means.
        if clocks_change(&zone, &time) {
            return Vec::new();
        }
        // It became known all the same, as by a webhook, and a person moved its copy to where it cannot follow.
        let stays_behind = scene.told.trouble(number, client.origin)
            && self.reason(number, client, client.origin, scene);
        let others = scene.records.iter().filter(|(place, live)| {
            let has_copy = live.iter().any(|seen| is_of(seen, number));
            **place != client.origin
                && !(has_copy && stays_behind)
                && !self.may_be_blind(**place, scene)
        });
        others
            .filter_map(|(place, live)| {
                // A platform is asked only for what lies within its own hours.
                let zone = self.scenario.zone(*place);
                let part = within_hours(&zone, time.clone(), self.scenario.hours)?;
                let covered = covers(live.iter().map(|seen| time_of(*place, seen)), &part);
                let free = !covered
                    && !cannot_be_spelled(&zone, &part)
                    && !is_closed(&zone, &part, self.scenario.hours);
                free.then_some((place, part))
            })
            .filter(|(place, part)| {
                // A record that was there before and meets this one keeps the bridge from blocking the rest.
                let told = scene
                    .told
                    .anonymous
                    .iter()
                    .any(|(at, other)| at.is_none_or(|at| at == **place) && meets(other, part));
                let mut met = scene.times.iter().filter(|(other, times)| {
                    **other != number && times.iter().any(|other| meets(other, part))
                });
                let its = scene.told.trouble(number, **place);
                // What became known is made as one record or not at all, also where only a part of it has no room.
                let zone = self.scenario.zone(**place);
                let has_no_room = its && is_closed(&zone, &time, self.scenario.hours);
                // So does one that waits for a person.
                let is_in_the_way = met.any(|(other, _)| {
                    let others = scene.told.trouble(*other, **place) || scene.told.waits(*other);
                    told || its || others
                });
                !has_no_room && !is_in_the_way
            })
            .map(|(place, _)| {
                let what = format!(
                    "booked on {} from {} to {}, and {} shows that time as free",
                    client.origin.name(),
                    seen.start,
                    seen.end,
                    place.name()
                );
                (Invariant::Convergence, what)
            })
            .collect()
    }
}

/// An anonymous record stands only where something on a platform without a listing is behind it.
fn judge_blocks(clients: &BTreeMap<u64, Client>, scene: &Scene<'_>) -> Vec<String> {
    let hidden: Vec<Time> = scene
        .records
        .get(&Place::Rubitime)
        .into_iter()
        .flatten()
        .filter(|seen| {
            cast::client_of(&seen.name)
                .and_then(|number| clients.get(&number))
                .is_none_or(|client| client.unlisted || client.cut.contains(&Place::Rubitime))
        })
        .map(|seen| time_of(Place::Rubitime, seen))
        .collect();
    let mut found = Vec::new();
    for (place, live) in &scene.records {
        for seen in live {
            let anonymous = cast::client_of(&seen.name).is_none();
            let over = seen.start <= scene.now;
            let time = time_of(*place, seen);
            if anonymous && !over && !hidden.iter().any(|other| meets(other, &time)) {
                found.push(format!(
                    "{} {} from {} to {} stands for nothing",
                    place.name(),
                    seen.id,
                    seen.start,
                    seen.end
                ));
            }
        }
    }
    found
}

/// Whether something that hides there ever took a time of this booking: then it may rightly have been taken for the booking
/// itself (decision 4), and a record may be missing.
fn may_be_hidden(
    client: &Client,
    place: Place,
    clients: &BTreeMap<u64, Client>,
    hides: impl Fn(&Client) -> bool,
) -> bool {
    place == Place::Rubitime
        && clients.values().filter(|other| hides(other)).any(|other| {
            let theirs = other.times();
            client
                .times()
                .iter()
                .any(|here| theirs.iter().any(|there| meets(here, there)))
        })
}

/// Of a booking with a record that nobody can be sure of, a person's cancellation elsewhere is still followed.
fn judge_cut(number: u64, client: &Client, scene: &Scene<'_>) -> Vec<(Invariant, String)> {
    let listed = |place: &Place| !client.cut.contains(place);
    let cancelled =
        client.must_be_gone() && client.cancels.iter().all(|cancel| listed(&cancel.place));
    scene
        .records
        .iter()
        .filter(|(place, _)| cancelled && listed(place))
        .flat_map(|(place, live)| live.iter().map(move |seen| (place, seen)))
        .filter(|(_, seen)| is_of(seen, number))
        .map(|(place, seen)| {
            let what = format!("was cancelled and lives on {} as {}", place.name(), seen.id);
            (Invariant::NoResurrection, what)
        })
        .collect()
}

/// When a booking may be by what people said, and when it stands by what the platforms show.
fn standing_times(number: u64, client: &Client, records: &Records) -> Vec<Time> {
    let mut times = if client.must_be_gone() {
        Vec::new()
    } else {
        client.possible_times()
    };
    for (place, live) in records {
        times.extend(
            live.iter()
                .filter(|seen| is_of(seen, number))
                .map(|seen| time_of(*place, seen)),
        );
    }
    times
}

fn is_of(seen: &Seen, number: u64) -> bool {
    cast::client_of(&seen.name) == Some(number)
}

fn time_of(place: Place, seen: &Seen) -> Time {
    (
        shown(place, Field::Staff, seen),
        seen.start.as_second(),
        seen.end.as_second(),
    )
}

fn meets(one: &Time, other: &Time) -> bool {
    one.0 == other.0 && one.1 < other.2 && other.1 < one.2
}

/// Whether these times together take all of that one.
fn covers(times: impl Iterator<Item = Time>, whole: &Time) -> bool {
    let mut parts: Vec<(i64, i64)> = times
        .filter(|time| meets(time, whole))
        .map(|(_, from, to)| (from, to))
        .collect();
    parts.sort_unstable();
    let mut until = whole.1;
    for (from, to) in parts {
        if from > until {
            return false;
        }
        until = until.max(to);
    }
    until >= whole.2
}

/// Whether a clock on the wall cannot tell this time from another one: the second of a doubled hour.
fn cannot_be_spelled(zone: &TimeZone, time: &Time) -> bool {
    [time.1, time.2].into_iter().any(|second| {
        let Ok(at) = Timestamp::from_second(second) else {
            return true;
        };
        let told = zone
            .to_ambiguous_timestamp(zone.to_datetime(at))
            .compatible();
        told.ok() != Some(at)
    })
}

/// Whether the clocks of a place change at about that time.
fn clocks_change(zone: &TimeZone, time: &Time) -> bool {
    let offset = |second: i64| Some(zone.to_offset(Timestamp::from_second(second).ok()?));
    offset(time.1 - 2 * 3600) != offset(time.2 + 2 * 3600)
}

/// Whether nobody works then by the clocks of the place.
fn is_closed(zone: &TimeZone, time: &Time, hours: (i8, i8)) -> bool {
    let local = |second| Some(zone.to_datetime(Timestamp::from_second(second).ok()?));
    let (Some(from), Some(to)) = (local(time.1), local(time.2)) else {
        return true;
    };
    let minutes = i32::from(to.hour()) * 60 + i32::from(to.minute());
    from.date() != to.date() || from.hour() < hours.0 || minutes > i32::from(hours.1) * 60
}

/// The part of a time in which people work by the clocks of the place, on the day on which it starts.
fn within_hours(zone: &TimeZone, time: Time, (open, close): (i8, i8)) -> Option<Time> {
    if (open, close) == (0, 24) {
        return Some(time);
    }
    let (staff, from, to) = time;
    let day = zone.to_datetime(Timestamp::from_second(from).ok()?).date();
    let second = |hour| Some(zone.to_timestamp(day.at(hour, 0, 0, 0)).ok()?.as_second());
    let (from, to) = (from.max(second(open)?), to.min(second(close)?));
    (from < to).then_some((staff, from, to))
}

fn names(alive: &[(Place, &Seen)]) -> Vec<&'static str> {
    alive.iter().map(|(place, _)| place.name()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_lies_within_the_hours_of_its_place_can_be_seen() {
        let kolkata = TimeZone::get("Asia/Kolkata").unwrap();
        let second = |hour: i8, minute: i8| {
            let wall = jiff::civil::date(2031, 5, 11).at(hour, minute, 0, 0);
            kolkata.to_timestamp(wall).unwrap().as_second()
        };
        let time = |from, to| ("staff-0".to_owned(), from, to);
        for (from, to, seen) in [
            ((10, 0), (12, 0), Some(((10, 0), (12, 0)))),
            ((20, 0), (22, 0), Some(((20, 0), (21, 0)))),
            ((7, 0), (9, 0), Some(((8, 0), (9, 0)))),
            ((21, 0), (22, 0), None),
            ((6, 0), (8, 0), None),
        ] {
            let at = |(hour, minute)| second(hour, minute);
            let whole = time(at(from), at(to));
            let seen = seen.map(|(from, to)| time(at(from), at(to)));
            assert_eq!(within_hours(&kolkata, whole.clone(), (8, 21)), seen);
            assert_eq!(within_hours(&kolkata, whole.clone(), (0, 24)), Some(whole));
        }
    }
}
