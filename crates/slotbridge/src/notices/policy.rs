//! What is told when. Pure: things that stand go in, notices come out, time is an argument.
//!
//! **Guarantees.** A thing that stands is told once, and again after `remind_after` for as long as it stands. Trouble
//! that is over before its time has come is never told. An all-clear is told only of what was told. What was told by
//! an earlier process ([`Input::Restored`]) counts as told.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::notice::{Content, Kind, Notice};
use super::words;

/// After a start, a platform gets this long for its first complete pass before an old one is held against it.
const GRACE: SignedDuration = SignedDuration::from_hours(1);

/// The user's wishes.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    /// How long a platform is down before that is told.
    pub(crate) down_after: SignedDuration,
    /// How long a platform may be without a complete pass.
    pub(crate) silent_after: SignedDuration,
    /// How long until something that stands is told again.
    pub(crate) remind_after: SignedDuration,
    /// By which clock times are written where no bridge has a say.
    pub(crate) zone: TimeZone,
}

/// What makes two things one and the same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    /// What kind of thing.
    pub(crate) kind: Kind,
    /// Which one, in names and ids of ours. What belongs to a bridge begins with its name and a slash.
    pub(crate) subject: String,
}

/// Something that a run found standing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Item {
    /// What it is.
    pub(crate) key: Key,
    /// Since when it stands.
    pub(crate) since: Timestamp,
    /// What there is to say.
    pub(crate) content: Content,
}

/// Something that was told and stands, as it is remembered over a restart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    /// What it is.
    pub(crate) key: Key,
    /// Since when it stands.
    pub(crate) since: Timestamp,
    /// When it was last told.
    pub(crate) at: Timestamp,
}

/// A change of what has to be remembered over a restart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Memory {
    /// This was told.
    Told(Told),
    /// This does not stand any more.
    Over(Key),
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Input {
    /// An earlier process told this, and it stood when that one ended.
    Restored(Vec<Told>),
    /// Complete passes of this platform are expected from now on; the last one was then.
    Watched {
        /// Which platform.
        platform: String,
        /// When its last complete pass was, if there ever was one.
        complete_at: Option<Timestamp>,
    },
    /// A platform cannot be used.
    Down {
        /// Which.
        platform: String,
        /// Since when.
        since: Timestamp,
        /// Why, scrubbed.
        why: String,
    },
    /// A platform can be used.
    Up {
        /// Which.
        platform: String,
    },
    /// A platform was read without trouble, which says something only if nobody in this process has found it down.
    Read {
        /// Which.
        platform: String,
    },
    /// A platform was read completely.
    Complete {
        /// Which.
        platform: String,
    },
    /// A bridge was worked on.
    Ran {
        /// Which.
        bridge: String,
        /// What stands.
        items: Vec<Item>,
        /// The kinds of which `items` holds everything that stands in this bridge.
        settled: Vec<Kind>,
    },
    /// The database was checked.
    Checked {
        /// What was found; nothing when all is well.
        damage: Vec<String>,
    },
    /// Time has passed.
    Tick,
}

/// Something that stands, or might soon.
#[derive(Debug, Clone)]
struct Standing {
    since: Timestamp,
    /// When it is worth telling.
    due: Timestamp,
    told_at: Option<Timestamp>,
    /// `None` until this process has seen it itself: then there is nothing to say yet.
    content: Option<Content>,
}

/// The state of what was told.
#[derive(Debug)]
pub(crate) struct Policy {
    rules: Rules,
    standing: BTreeMap<Key, Standing>,
    memory: Vec<Memory>,
}

impl Policy {
    /// Starts with nothing standing.
    pub(crate) fn new(rules: Rules) -> Self {
        Self {
            rules,
            standing: BTreeMap::new(),
            memory: Vec::new(),
        }
    }

    /// Takes in what happened and gives what is to be told now.
    pub(crate) fn step(&mut self, input: Input, now: Timestamp) -> Vec<Notice> {
        let mut notices = Vec::new();
        match input {
            Input::Restored(rows) => self.restore(rows),
            Input::Watched {
                platform,
                complete_at,
            } => self.watch(platform, complete_at, now),
            Input::Down {
                platform,
                since,
                why,
            } => {
                let content = words::down(&platform, since, &why, &self.rules.zone);
                let due = after(since, self.rules.down_after);
                self.stands(Key::down(platform), since, due, content);
            }
            Input::Up { platform } => notices.extend(self.up(&platform, now)),
            // Whoever has seen it down in this process will say when it is up.
            Input::Read { platform } => {
                if !self.is_known(&Key::down(platform.clone())) {
                    notices.extend(self.up(&platform, now));
                }
            }
            Input::Complete { platform } => notices.extend(self.complete(&platform, now)),
            Input::Ran {
                bridge,
                items,
                settled,
            } => self.ran(&bridge, items, &settled, now),
            Input::Checked { damage } if damage.is_empty() => self.over(&Key::database()),
            Input::Checked { damage } => {
                self.stands(Key::database(), now, now, words::database(&damage));
            }
            Input::Tick => {}
        }
        notices.extend(self.due(now));
        notices
    }

    /// When time alone makes the next notice.
    pub(crate) fn next_wake(&self) -> Option<Timestamp> {
        self.standing
            .values()
            .filter(|one| one.content.is_some())
            .map(|one| one.wake(self.rules.remind_after))
            .min()
    }

    /// What has to be remembered since the last call.
    pub(crate) fn take_memory(&mut self) -> Vec<Memory> {
        std::mem::take(&mut self.memory)
    }

    fn restore(&mut self, rows: Vec<Told>) {
        for row in rows {
            let standing = Standing {
                since: row.since,
                due: row.since,
                told_at: Some(row.at),
                content: None,
            };
            self.standing.insert(row.key, standing);
        }
    }

    fn watch(&mut self, platform: String, complete_at: Option<Timestamp>, now: Timestamp) {
        let since = complete_at.unwrap_or(now).min(now);
        let grace = GRACE.min(self.rules.silent_after);
        let due = after(since, self.rules.silent_after).max(after(now, grace));
        let content = words::no_complete_pass(&platform, since, &self.rules.zone);
        self.stands(Key::silent(platform), since, due, content);
    }

    fn up(&mut self, platform: &str, now: Timestamp) -> Option<Notice> {
        let key = Key::down(platform.to_owned());
        let told = self.was_told(&key);
        let content = told.map(|since| words::up(platform, since, now, &self.rules.zone));
        self.over(&key);
        Some(Notice::of_moment(Kind::PlatformUp, now, content?))
    }

    fn complete(&mut self, platform: &str, now: Timestamp) -> Option<Notice> {
        let key = Key::silent(platform.to_owned());
        let told = self.was_told(&key);
        self.over(&key);
        let content = words::no_complete_pass(platform, now, &self.rules.zone);
        let due = after(now, self.rules.silent_after);
        self.stands(key, now, due, content);
        let content = words::complete(platform, told?, now, &self.rules.zone);
        Some(Notice::of_moment(Kind::CompletePass, now, content))
    }

    fn ran(&mut self, bridge: &str, items: Vec<Item>, settled: &[Kind], now: Timestamp) {
        let seen: BTreeSet<&Key> = items.iter().map(|item| &item.key).collect();
        let gone: Vec<Key> = self
            .standing
            .keys()
            .filter(|key| settled.contains(&key.kind) && key.is_of(bridge) && !seen.contains(key))
            .cloned()
            .collect();
        for key in gone {
            self.over(&key);
        }
        for item in items {
            self.stands(item.key, item.since, now, item.content);
        }
    }

    /// Notes that something stands. What stood before keeps its beginning and what was told of it.
    fn stands(&mut self, key: Key, since: Timestamp, due: Timestamp, content: Content) {
        let new = Standing {
            since,
            due,
            told_at: None,
            content: None,
        };
        self.standing.entry(key).or_insert(new).content = Some(content);
    }

    fn over(&mut self, key: &Key) {
        let gone = self.standing.remove(key);
        if gone.is_some_and(|gone| gone.told_at.is_some()) {
            self.memory.push(Memory::Over(key.clone()));
        }
    }

    /// Whether this process itself has seen something standing.
    fn is_known(&self, key: &Key) -> bool {
        self.standing
            .get(key)
            .is_some_and(|standing| standing.content.is_some())
    }

    /// Since when something stands that was told.
    fn was_told(&self, key: &Key) -> Option<Timestamp> {
        let standing = self.standing.get(key)?;
        standing.told_at.map(|_| standing.since)
    }

    fn due(&mut self, now: Timestamp) -> Vec<Notice> {
        let mut notices = Vec::new();
        for (key, one) in &mut self.standing {
            let Some(content) = &one.content else {
                continue;
            };
            if one.wake(self.rules.remind_after) > now {
                continue;
            }
            notices.push(Notice {
                kind: key.kind,
                at: now,
                since: one.since,
                reminder: one.told_at.is_some(),
                content: content.clone(),
            });
            one.told_at = Some(now);
            self.memory.push(Memory::Told(Told {
                key: key.clone(),
                since: one.since,
                at: now,
            }));
        }
        // The worst first, should a target not want them all.
        notices.sort_by_key(|notice| std::cmp::Reverse(notice.kind.severity()));
        notices
    }
}

impl Standing {
    fn wake(&self, remind_after: SignedDuration) -> Timestamp {
        match self.told_at {
            None => self.due,
            Some(told_at) => after(told_at, remind_after),
        }
    }
}

impl Key {
    fn down(platform: String) -> Self {
        Self {
            kind: Kind::PlatformDown,
            subject: platform,
        }
    }

    fn silent(platform: String) -> Self {
        Self {
            kind: Kind::NoCompletePass,
            subject: platform,
        }
    }

    fn database() -> Self {
        Self {
            kind: Kind::Database,
            subject: "database".to_owned(),
        }
    }

    /// Something of a bridge.
    pub(crate) fn of_bridge(kind: Kind, bridge: &str, rest: &str) -> Self {
        Self {
            kind,
            subject: format!("{bridge}/{rest}"),
        }
    }

    fn is_of(&self, bridge: &str) -> bool {
        // The names of bridges have no slash in them.
        self.subject.split('/').next() == Some(bridge)
    }
}

fn after(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.saturating_add(by).unwrap_or(Timestamp::MAX)
}
