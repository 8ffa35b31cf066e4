//! Every cell of the decision tables.

use std::collections::BTreeSet;

use super::*;

/// What a platform shows of a live booking, as against the shadow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Live {
    Same,
    A,
    B,
    Removed,
    Unseen,
    /// Live as it was, where it was gone.
    Revived,
}

impl Live {
    const ALL: [Self; 6] = [
        Self::Same,
        Self::A,
        Self::B,
        Self::Removed,
        Self::Unseen,
        Self::Revived,
    ];

    fn side(self, name: &str, noticed: i64, field: Field) -> Side {
        let shown = match self {
            Self::Same | Self::Revived => Shown::Live(booking(0)),
            Self::A => Shown::Live(changed(&booking(0), field, 'a')),
            Self::B => Shown::Live(changed(&booking(0), field, 'b')),
            Self::Removed => Shown::Gone,
            Self::Unseen => Shown::Unseen,
        };
        let shadow = if self == Self::Revived {
            Shadow::GONE
        } else {
            in_step()
        };
        Side {
            shown,
            shadow,
            ..side(name, noticed)
        }
    }
}

/// What comes of two platforms together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// The booking stays as it was.
    Base,
    /// It takes this value.
    Takes(char),
    /// It goes.
    Gone,
    /// The conflict policy decides between the first platform's value and the second's.
    Either(char, char),
    /// The removal policy decides between going and this value.
    GoneOr(char),
    /// The removal policy decides between going and staying as it was.
    GoneOrBase,
}

use Live::{A, B, Removed, Revived, Same, Unseen};
use Outcome::{Base, Either, Gone, GoneOr, GoneOrBase, Takes};

/// The first platform's state, the second's, what comes of it.
const LIVE: [(Live, Live, Outcome); 36] = [
    (Same, Same, Base),
    (Same, A, Takes('a')),
    (Same, B, Takes('b')),
    (Same, Removed, Gone),
    (Same, Unseen, Base),
    (A, Same, Takes('a')),
    (A, A, Takes('a')),
    (A, B, Either('a', 'b')),
    (A, Removed, GoneOr('a')),
    (A, Unseen, Takes('a')),
    (B, Same, Takes('b')),
    (B, A, Either('b', 'a')),
    (B, B, Takes('b')),
    (B, Removed, GoneOr('b')),
    (B, Unseen, Takes('b')),
    (Removed, Same, Gone),
    (Removed, A, GoneOr('a')),
    (Removed, B, GoneOr('b')),
    (Removed, Removed, Gone),
    (Removed, Unseen, Gone),
    (Unseen, Same, Base),
    (Unseen, A, Takes('a')),
    (Unseen, B, Takes('b')),
    (Unseen, Removed, Gone),
    (Unseen, Unseen, Base),
    (Revived, Same, Base),
    (Revived, A, Takes('a')),
    (Revived, B, Takes('b')),
    (Revived, Removed, GoneOrBase),
    (Revived, Unseen, Base),
    (Revived, Revived, Base),
    (Same, Revived, Base),
    (A, Revived, Takes('a')),
    (B, Revived, Takes('b')),
    (Removed, Revived, GoneOrBase),
    (Unseen, Revived, Base),
];

fn policies() -> Vec<Policy> {
    let prefer = |name| ConflictPolicy::Prefer(vec![platform("nobody"), platform(name)]);
    let conflicts = [
        ConflictPolicy::Newest,
        prefer("salon"),
        prefer("site"),
        prefer("other"),
        ConflictPolicy::Ask,
    ];
    let removals = [
        RemovedAndEdited::Remove,
        RemovedAndEdited::Keep,
        RemovedAndEdited::Ask,
    ];
    conflicts
        .iter()
        .flat_map(|conflict| removals.map(|removal| policy(conflict.clone(), removal)))
        .collect()
}

/// Who wins between the salon, seen first, and the site, seen last.
fn winner(policy: &ConflictPolicy) -> Option<&'static str> {
    match policy {
        ConflictPolicy::Prefer(order) if order.contains(&platform("salon")) => Some("salon"),
        ConflictPolicy::Prefer(_) | ConflictPolicy::Newest => Some("site"),
        ConflictPolicy::Ask => None,
    }
}

fn with(field: Field, value: char) -> Presence {
    Presence::Live(changed(&booking(0), field, value))
}

fn check(merged: &Merge, outcome: Outcome, field: Field, states: (Live, Live), policy: &Policy) {
    let context = format!("{states:?} on {} under {policy:?}", field.as_str());
    let subjects: Vec<Subject> = merged
        .conflicts
        .iter()
        .map(|conflict| conflict.subject)
        .collect();
    let decided = merged
        .conflicts
        .first()
        .and_then(|conflict| conflict.decided.clone());
    let expected = match outcome {
        Base => (Presence::Live(booking(0)), vec![], None),
        Takes(value) => (with(field, value), vec![], None),
        Gone => (Presence::Gone, vec![], None),
        Either(first, second) => {
            let winner = winner(&policy.conflict);
            let presence = match winner {
                Some("salon") => with(field, first),
                Some(_) => with(field, second),
                None => Presence::Live(booking(0)),
            };
            (presence, vec![Subject::Field(field)], winner)
        }
        GoneOr(_) | GoneOrBase => {
            let kept = if let GoneOr(value) = outcome {
                with(field, value)
            } else {
                Presence::Live(booking(0))
            };
            let (remover, editor) = if states.0 == Removed {
                ("salon", "site")
            } else {
                ("site", "salon")
            };
            let (presence, judge) = match policy.on_removed_and_edited {
                RemovedAndEdited::Remove => (Presence::Gone, Some(remover)),
                RemovedAndEdited::Keep => (kept, Some(editor)),
                RemovedAndEdited::Ask => (Presence::Live(booking(0)), None),
            };
            (presence, vec![Subject::Removal], judge)
        }
    };
    assert_eq!(
        (&merged.presence, &subjects),
        (&expected.0, &expected.1),
        "{context}"
    );
    assert_eq!(decided, expected.2.map(platform), "{context}");
    let held = matches!(outcome, Either(..)) && policy.conflict == ConflictPolicy::Ask;
    assert_eq!(merged.held.contains(&field), held, "{context}");
    let asked = matches!(outcome, GoneOr(_) | GoneOrBase)
        && policy.on_removed_and_edited == RemovedAndEdited::Ask;
    assert_eq!(merged.held_whole, asked, "{context}");
    for conflict in &merged.conflicts {
        assert_eq!(
            conflict.claims.len(),
            2,
            "nobody's wish is dropped: {context}"
        );
    }
}

#[test]
fn two_platforms_of_a_live_booking() {
    let cells: BTreeSet<(Live, Live)> = LIVE.iter().map(|(one, other, _)| (*one, *other)).collect();
    assert_eq!(
        cells.len(),
        Live::ALL.len() * Live::ALL.len(),
        "a cell is missing"
    );
    for field in Field::ALL {
        for policy in policies() {
            for (one, other, outcome) in LIVE {
                let sides = [one.side("salon", 1, field), other.side("site", 2, field)];
                let merged = merge(&Presence::Live(booking(0)), &sides, &policy);
                check(&merged, outcome, field, (one, other), &policy);
            }
        }
    }
}

#[test]
fn a_platform_that_is_only_written_to_never_decides() {
    for field in Field::ALL {
        for policy in policies() {
            for (one, other, outcome) in LIVE {
                for written in Live::ALL {
                    let unheard = Side {
                        heard: false,
                        ..written.side("school", 9, field)
                    };
                    let sides = [
                        one.side("salon", 1, field),
                        other.side("site", 2, field),
                        unheard,
                    ];
                    let mut merged = merge(&Presence::Live(booking(0)), &sides, &policy);
                    let overruled = merged.conflicts.iter().position(|conflict| {
                        conflict
                            .claims
                            .iter()
                            .all(|claim| claim.platform == platform("school"))
                    });
                    // Its edit is kept as a conflict exactly when another value takes its place.
                    let edited = match written {
                        A => Some('a'),
                        B => Some('b'),
                        Same | Removed | Unseen | Revived => None,
                    };
                    let lost = edited.filter(|value| {
                        let lives =
                            matches!(merged.presence, Presence::Live(_)) && !merged.held_whole;
                        let own = Presence::Live(changed(&booking(0), field, *value));
                        lives && merged.held.is_empty() && merged.presence != own
                    });
                    let context = format!("{one:?} {other:?} {written:?} {policy:?}");
                    assert_eq!(overruled.is_some(), lost.is_some(), "{context}");
                    if let Some(place) = overruled {
                        let conflict = merged.conflicts.remove(place);
                        assert!(
                            conflict.decided.is_some_and(|by| by != platform("school")),
                            "{context}"
                        );
                    }
                    check(&merged, outcome, field, (one, other), &policy);
                }
            }
        }
    }
}

/// What a platform shows of a cancelled booking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Cancelled {
    /// Gone, as agreed.
    AsAgreed,
    /// Gone, where the removal had not been taken over yet.
    JustGone,
    /// Live again, where it was gone.
    Revived,
    /// Still live: the removal has not arrived there.
    Pending,
    /// Still live, and edited since.
    PendingEdited,
    Unseen,
}

impl Cancelled {
    const ALL: [Self; 6] = [
        Self::AsAgreed,
        Self::JustGone,
        Self::Revived,
        Self::Pending,
        Self::PendingEdited,
        Self::Unseen,
    ];

    fn side(self, name: &str, noticed: i64) -> Side {
        let edited = || Shown::Live(changed(&booking(0), Field::Slot, 'a'));
        let (shown, shadow) = match self {
            Self::AsAgreed => (Shown::Gone, Shadow::GONE),
            Self::JustGone => (Shown::Gone, in_step()),
            Self::Revived => (Shown::Live(booking(0)), Shadow::GONE),
            Self::Pending => (Shown::Live(booking(0)), in_step()),
            Self::PendingEdited => (edited(), in_step()),
            Self::Unseen => (Shown::Unseen, Shadow::GONE),
        };
        Side {
            shown,
            shadow,
            ..side(name, noticed)
        }
    }
}

/// What comes of a cancelled booking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum After {
    StaysGone,
    Lives,
    /// It lives, with the edit.
    LivesEdited,
    /// The removal policy decides.
    GoneOrEdited,
}

fn after(one: Cancelled, other: Cancelled) -> After {
    use Cancelled::{AsAgreed, JustGone, Pending, PendingEdited, Revived, Unseen};
    match (one, other) {
        (Revived, PendingEdited) | (PendingEdited, Revived) => After::LivesEdited,
        (Revived, AsAgreed | JustGone | Revived | Pending | Unseen)
        | (AsAgreed | JustGone | Pending | Unseen, Revived) => After::Lives,
        (PendingEdited, AsAgreed | JustGone | Pending | PendingEdited | Unseen)
        | (AsAgreed | JustGone | Pending | Unseen, PendingEdited) => After::GoneOrEdited,
        (AsAgreed | JustGone | Pending | Unseen, AsAgreed | JustGone | Pending | Unseen) => {
            After::StaysGone
        }
    }
}

#[test]
fn two_platforms_of_a_cancelled_booking() {
    let edited = with(Field::Slot, 'a');
    for policy in policies() {
        for one in Cancelled::ALL {
            for other in Cancelled::ALL {
                let sides = [one.side("salon", 1), other.side("site", 2)];
                let merged = merge(&Presence::Gone, &sides, &policy);
                let context = format!("{one:?} {other:?} under {policy:?}");
                let removals = merged
                    .conflicts
                    .iter()
                    .filter(|conflict| conflict.subject == Subject::Removal)
                    .count();
                let (presence, asked, conflicts) =
                    match (after(one, other), policy.on_removed_and_edited) {
                        (After::StaysGone, _) => (Presence::Gone, false, 0),
                        (After::Lives, _) => (Presence::Live(booking(0)), false, 0),
                        (After::LivesEdited, _) => (edited.clone(), false, 0),
                        (After::GoneOrEdited, RemovedAndEdited::Remove) => {
                            (Presence::Gone, false, 1)
                        }
                        (After::GoneOrEdited, RemovedAndEdited::Keep) => (edited.clone(), false, 1),
                        (After::GoneOrEdited, RemovedAndEdited::Ask) => (Presence::Gone, true, 1),
                    };
                assert_eq!(
                    (&merged.presence, merged.held_whole, removals),
                    (&presence, asked, conflicts),
                    "{context}"
                );
            }
        }
    }
}

#[test]
fn only_a_platform_that_is_heard_brings_a_booking_back() {
    for state in Cancelled::ALL {
        let unheard = Side {
            heard: false,
            ..state.side("school", 2)
        };
        for policy in policies() {
            let merged = merge(
                &Presence::Gone,
                &[Cancelled::AsAgreed.side("salon", 1), unheard.clone()],
                &policy,
            );
            assert_eq!(
                (&merged.presence, merged.held_whole),
                (&Presence::Gone, false),
                "{state:?}"
            );
        }
    }
}
