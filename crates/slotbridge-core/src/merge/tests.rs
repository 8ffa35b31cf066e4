//! Every cell of the decision table, and the laws of the merge.

mod choices;
mod laws;
mod tables;

use jiff::Timestamp;

use super::*;
use crate::model::{Field, Private, Status};
use crate::testing::{at, booking, changed, platform};

/// A platform that holds everything and shows the base.
fn side(name: &str, noticed: i64) -> Side {
    Side {
        platform: platform(name),
        shown: Shown::Live(booking(0)),
        shadow: in_step(),
        projection: Projection::WHOLE,
        heard: true,
        changed_at: None,
        noticed_at: at(noticed),
    }
}

fn in_step() -> Shadow {
    Shadow {
        kept: Presence::Live(booking(0)),
        agreed: Presence::Live(booking(0)),
    }
}

fn policy(conflict: ConflictPolicy, on_removed_and_edited: RemovedAndEdited) -> Policy {
    Policy {
        conflict,
        on_removed_and_edited,
    }
}

fn newest() -> Policy {
    policy(ConflictPolicy::Newest, RemovedAndEdited::Keep)
}

/// The booking and shadows of the next run, once this one's merge was taken over.
fn taken_over(canonical: &Presence, sides: &[Side], merge: &Merge) -> (Presence, Vec<Side>) {
    let next = sides
        .iter()
        .map(|side| Side {
            shadow: accepted(side, merge),
            ..side.clone()
        })
        .collect();
    let presence = if merge.held_whole {
        canonical
    } else {
        &merge.presence
    };
    (presence.clone(), next)
}

fn values(conflict: &Conflict) -> Vec<(&str, Option<FieldValue>)> {
    conflict
        .claims
        .iter()
        .map(|claim| (claim.platform.as_str(), claim.value.clone()))
        .collect()
}

#[test]
fn a_shorter_spelling_of_the_same_change_is_no_conflict() {
    let narrow = Projection {
        comment: crate::projection::TextHeld::Cut { chars_max: 4 },
        ..Projection::WHOLE
    };
    let mut long = booking(0);
    long.comment = Private::new("без музыки");
    let mut base = booking(0);
    base.comment = Private::default();
    for names in [["salon", "site"], ["site", "salon"]] {
        let sides = names.map(|name| {
            let projection = if name == "site" {
                narrow.clone()
            } else {
                Projection::WHOLE
            };
            let kept = Presence::Live(projection.project(&base));
            Side {
                shown: Shown::Live(projection.project(&long)),
                shadow: Shadow {
                    kept: kept.clone(),
                    agreed: kept,
                },
                projection,
                ..side(name, 1)
            }
        });
        let ask = policy(ConflictPolicy::Ask, RemovedAndEdited::Ask);
        let merged = merge(&Presence::Live(base.clone()), &sides, &ask);
        assert_eq!(merged.presence, Presence::Live(long.clone()));
        assert_eq!(merged.conflicts, []);
    }
}

#[test]
fn a_change_that_the_platform_could_not_hold_by_its_own_word_is_taken_all_the_same() {
    // A record that a person made stands between the platform's usual start times.
    let projection = Projection {
        slot_step: jiff::SignedDuration::from_mins(15),
        ..Projection::WHOLE
    };
    let mut odd = booking(0);
    odd.slot = crate::testing::slot(7, 52);
    let moved = Side {
        shown: Shown::Live(odd.clone()),
        projection,
        ..side("salon", 1)
    };
    let ask = policy(ConflictPolicy::Ask, RemovedAndEdited::Ask);
    let merged = merge(&Presence::Live(booking(0)), &[moved, side("site", 1)], &ask);
    assert_eq!(merged.presence, Presence::Live(odd));
    assert_eq!((merged.conflicts, merged.held.len()), (vec![], 0));
}

#[test]
fn the_newest_change_goes_by_the_platforms_stamp_where_there_is_one() {
    let edited = |name, value, changed_at: Option<i64>, noticed| Side {
        shown: Shown::Live(changed(&booking(0), Field::Comment, value)),
        changed_at: changed_at.map(at),
        ..side(name, noticed)
    };
    for (salon, site, winner) in [
        ((None, 5), (None, 9), "site"),
        ((None, 9), (None, 5), "salon"),
        // The platform changed it long before we saw that.
        ((Some(1), 9), (None, 5), "site"),
        ((Some(6), 9), (Some(7), 8), "site"),
        ((Some(7), 9), (Some(7), 8), "salon"),
    ] {
        let sides = [
            edited("salon", 'a', salon.0, salon.1),
            edited("site", 'b', site.0, site.1),
        ];
        let merged = merge(&Presence::Live(booking(0)), &sides, &newest());
        let [conflict] = merged.conflicts.as_slice() else {
            panic!("{:?}", merged.conflicts)
        };
        assert_eq!(
            conflict.decided,
            Some(platform(winner)),
            "{salon:?} {site:?}"
        );
        let stamps: Vec<(Timestamp, Stamp)> = conflict
            .claims
            .iter()
            .map(|claim| (claim.changed_at, claim.stamp))
            .collect();
        let expected = [salon, site].map(|(changed, noticed)| match changed {
            Some(changed) => (at(changed), Stamp::Platform),
            None => (at(noticed), Stamp::FirstSeen),
        });
        assert_eq!(stamps, expected);
    }
}

#[test]
fn changes_to_different_fields_are_all_taken() {
    let moved = changed(&booking(0), Field::Slot, 'a');
    let noted = changed(&booking(0), Field::Comment, 'b');
    let sides = [
        Side {
            shown: Shown::Live(moved.clone()),
            ..side("salon", 1)
        },
        Side {
            shown: Shown::Live(noted.clone()),
            ..side("site", 2)
        },
    ];
    let merged = merge(&Presence::Live(booking(0)), &sides, &newest());
    let mut both = moved;
    both.take_field(Field::Comment, &noted);
    assert_eq!(merged.presence, Presence::Live(both));
    assert_eq!(merged.conflicts, []);
}

#[test]
fn an_edit_where_the_first_one_never_arrived_is_a_conflict() {
    // The salon's comment became the bridge's, but could not be written to the site; now the site has one of its own.
    let first = changed(&booking(0), Field::Comment, 'a');
    let second = changed(&booking(0), Field::Comment, 'b');
    let kept = Presence::Live(first.clone());
    let sides = [
        Side {
            shown: Shown::Live(first.clone()),
            shadow: Shadow {
                kept: kept.clone(),
                agreed: kept.clone(),
            },
            ..side("salon", 1)
        },
        Side {
            shown: Shown::Live(second.clone()),
            ..side("site", 2)
        },
    ];
    let merged = merge(&kept, &sides, &newest());
    assert_eq!(merged.presence, Presence::Live(second.clone()));
    let [conflict] = merged.conflicts.as_slice() else {
        panic!("{:?}", merged.conflicts)
    };
    let field = |booking: &Booking| Some(booking.field(Field::Comment));
    let mut told = values(conflict);
    told.sort();
    assert_eq!(told, [("salon", field(&first)), ("site", field(&second))]);
    assert_eq!(conflict.decided, Some(platform("site")));
}

#[test]
fn a_move_makes_a_comment_that_was_taken_in_earlier_no_newer() {
    // The salon's comment may not have arrived with the copy on the site, where a person writes another; then the salon
    // moves its record, and only its stamp is the latest.
    let first = changed(&booking(0), Field::Comment, 'a');
    let moved = changed(&first, Field::Slot, 'b');
    let second = changed(&booking(0), Field::Comment, 'b');
    let kept = Presence::Live(first.clone());
    let mut sides = vec![
        Side {
            shown: Shown::Live(moved.clone()),
            shadow: Shadow {
                kept: kept.clone(),
                agreed: kept.clone(),
            },
            ..side("salon", 9)
        },
        Side {
            shown: Shown::Live(second.clone()),
            changed_at: Some(at(3)),
            ..side("site", 9)
        },
    ];
    for _ in 0..sides.len() {
        sides.rotate_left(1);
        let merged = merge(&kept, &sides, &newest());
        let mut both = moved.clone();
        both.take_field(Field::Comment, &second);
        assert_eq!(merged.presence, Presence::Live(both));
        let [conflict] = merged.conflicts.as_slice() else {
            panic!("{:?}", merged.conflicts)
        };
        assert_eq!(conflict.decided, Some(platform("site")));
    }
}

#[test]
fn a_copy_that_we_wrote_is_no_newer_than_what_it_was_copied_from() {
    // The salon changed the comment, we wrote it to the school at five, and the site was edited in between.
    let first = changed(&booking(0), Field::Comment, 'a');
    let kept = Presence::Live(first.clone());
    let told = |name, stamp| Side {
        shown: Shown::Live(first.clone()),
        shadow: Shadow {
            kept: kept.clone(),
            agreed: kept.clone(),
        },
        changed_at: Some(at(stamp)),
        ..side(name, 9)
    };
    let second = changed(&booking(0), Field::Comment, 'b');
    let site = Side {
        shown: Shown::Live(second.clone()),
        changed_at: Some(at(3)),
        ..side("site", 9)
    };
    let mut sides = vec![told("school", 5), told("salon", 1), site];
    for _ in 0..sides.len() {
        sides.rotate_left(1);
        let merged = merge(&kept, &sides, &newest());
        assert_eq!(merged.presence, Presence::Live(second.clone()));
        assert_eq!(merged.conflicts[0].decided, Some(platform("site")));
    }
}

#[test]
fn a_copy_that_we_wrote_does_not_win_against_whoever_changed_what_it_was_copied_from() {
    // The salon's first comment was written to the school, which shows that late, and never arrived on the site. Now the
    // site has one of its own, and the salon another.
    let first = changed(&booking(0), Field::Comment, 'a');
    let kept = Presence::Live(first.clone());
    let told = Shadow {
        kept: kept.clone(),
        agreed: kept.clone(),
    };
    let second = changed(&booking(0), Field::Comment, 'b');
    let mut third = booking(0);
    third.comment = Private::new("у окна");
    let mut sides = vec![
        Side {
            shown: Shown::Live(third.clone()),
            shadow: told.clone(),
            ..side("salon", 4)
        },
        Side {
            shown: Shown::Live(first),
            shadow: told,
            ..side("school", 9)
        },
        Side {
            shown: Shown::Live(second.clone()),
            changed_at: Some(at(3)),
            ..side("site", 4)
        },
    ];
    for _ in 0..sides.len() {
        sides.rotate_left(1);
        let merged = merge(&kept, &sides, &newest());
        assert_eq!(merged.presence, Presence::Live(third.clone()));
        let [conflict] = merged.conflicts.as_slice() else {
            panic!("{:?}", merged.conflicts)
        };
        let field = |booking: &Booking| Some(booking.field(Field::Comment));
        let mut claims = values(conflict);
        claims.sort();
        assert_eq!(claims, [("salon", field(&third)), ("site", field(&second))]);
        assert_eq!(conflict.decided, Some(platform("salon")));
    }
}

#[test]
fn whoever_could_not_hold_a_value_says_nothing_of_it() {
    // The salon says that nobody came. The school has not heard of it, and the site cannot show it; both are changed.
    let status = |status| Booking {
        status,
        ..booking(0)
    };
    let base = status(Status::NoShow);
    let mut narrow = Projection::WHOLE;
    let no_show = narrow
        .statuses
        .iter_mut()
        .find(|one| **one == Status::NoShow);
    *no_show.unwrap() = Status::Booked;
    let salon = Side {
        shown: Shown::Live(base.clone()),
        shadow: Shadow {
            kept: Presence::Live(base.clone()),
            agreed: Presence::Live(base.clone()),
        },
        ..side("salon", 1)
    };
    let school = Side {
        shown: Shown::Live(status(Status::Confirmed)),
        ..side("school", 2)
    };
    let site = Side {
        shown: Shown::Live(status(Status::Arrived)),
        projection: narrow,
        ..side("site", 3)
    };
    let merged = merge(&Presence::Live(base), &[salon, school, site], &newest());
    assert_eq!(merged.conflicts[0].claims.len(), 3);
}

#[test]
fn a_change_that_lost_is_written_over_even_by_the_value_before() {
    // The site never got the salon's first change; then both changed again, the salon back to what the site was told.
    let canonical = changed(&booking(0), Field::Comment, 'a');
    let lost = changed(&booking(0), Field::Comment, 'b');
    let salon = Side {
        shadow: Shadow {
            kept: Presence::Live(canonical.clone()),
            agreed: Presence::Live(canonical.clone()),
        },
        ..side("salon", 9)
    };
    let site = Side {
        shown: Shown::Live(lost.clone()),
        ..side("site", 5)
    };
    let merged = merge(
        &Presence::Live(canonical),
        &[salon, site.clone()],
        &newest(),
    );
    assert_eq!(merged.presence, Presence::Live(booking(0)));
    let shadow = accepted(&site, &merged);
    assert_eq!(shadow.kept, Presence::Live(lost.clone()));
    assert_ne!(
        shadow.agreed,
        Presence::Live(booking(0)),
        "it would pass for the platform's own spelling"
    );
}

#[test]
fn a_contact_that_could_not_be_seen_for_a_while_is_no_change_when_it_can_be_seen_again() {
    let edited = changed(&booking(0), Field::ClientEmail, 'a');
    let salon = Side {
        shown: Shown::Live(edited.clone()),
        ..side("salon", 1)
    };
    let mut hidden = booking(0);
    hidden.client.email = None;
    let school = |shown: &Booking, noticed| Side {
        shown: Shown::Live(shown.clone()),
        ..side("school", noticed)
    };
    let base = Presence::Live(booking(0));
    let sides = [salon, school(&hidden, 2)];
    let merged = merge(&base, &sides, &newest());
    assert_eq!(merged.presence, Presence::Live(edited.clone()));
    let (canonical, mut sides) = taken_over(&base, &sides, &merged);
    // The edit has not arrived there yet, and the old address is seen again, later than the edit was made.
    sides[1].shown = Shown::Live(booking(0));
    sides[1].noticed_at = at(9);
    let again = merge(&canonical, &sides, &newest());
    assert_eq!(again.presence, Presence::Live(edited));
    assert_eq!(again.conflicts, []);
}

#[test]
fn two_records_that_came_back_differently_are_a_conflict() {
    let back = |name, value, noticed| Side {
        shown: Shown::Live(changed(&booking(0), Field::Slot, value)),
        shadow: Shadow::GONE,
        ..side(name, noticed)
    };
    let sides = [back("salon", 'a', 1), back("site", 'b', 2)];
    let merged = merge(&Presence::Gone, &sides, &newest());
    assert_eq!(
        merged.presence,
        Presence::Live(changed(&booking(0), Field::Slot, 'b'))
    );
    let [conflict] = merged.conflicts.as_slice() else {
        panic!("{:?}", merged.conflicts)
    };
    assert_eq!(
        (conflict.subject, conflict.claims.len()),
        (Subject::Field(Field::Slot), 2)
    );

    let ask = policy(ConflictPolicy::Ask, RemovedAndEdited::Ask);
    let asked = merge(&Presence::Gone, &sides, &ask);
    assert_eq!(asked.held, BTreeSet::from([Field::Slot]));
    let (canonical, sides) = taken_over(&Presence::Gone, &sides, &asked);
    let again = merge(&canonical, &sides, &ask);
    assert_eq!(again.held, asked.held, "until a person decides");
}

#[test]
fn an_edit_after_a_removal_keeps_what_the_platform_cannot_hold() {
    // The site holds no e-mail; what the bridge wanted there is still known.
    let narrow = Projection {
        email: crate::projection::TextHeld::Not,
        ..Projection::WHOLE
    };
    let edited = changed(&narrow.project(&booking(0)), Field::Comment, 'a');
    let site = Side {
        shown: Shown::Live(edited),
        shadow: Shadow {
            kept: Presence::Live(narrow.project(&booking(0))),
            agreed: Presence::Live(booking(0)),
        },
        projection: narrow,
        ..side("site", 2)
    };
    let salon = Side {
        shown: Shown::Gone,
        shadow: Shadow::GONE,
        ..side("salon", 1)
    };
    let merged = merge(&Presence::Gone, &[salon, site], &newest());
    assert_eq!(
        merged.presence,
        Presence::Live(changed(&booking(0), Field::Comment, 'a'))
    );
}

#[test]
fn a_booking_that_comes_back_keeps_what_other_platforms_know_of_it() {
    // The site brings it back without its comment, which it cannot hold; at the school it is still there with one.
    let narrow = Projection {
        comment: crate::projection::TextHeld::Not,
        ..Projection::WHOLE
    };
    let shown = Shown::Live(narrow.project(&booking(0)));
    let site = Side {
        shown,
        shadow: Shadow::GONE,
        projection: narrow,
        ..side("site", 2)
    };
    let sides = [site, side("school", 1)];
    let merged = merge(&Presence::Gone, &sides, &newest());
    assert_eq!(merged.presence, Presence::Live(booking(0)));
    assert_eq!(merged.conflicts, []);
}

#[test]
fn an_edit_against_a_removal_is_decided_even_when_the_remover_was_not_read() {
    let edited = Side {
        shown: Shown::Live(changed(&booking(0), Field::Comment, 'a')),
        ..side("site", 2)
    };
    let remover = Side {
        shown: Shown::Unseen,
        shadow: Shadow::GONE,
        ..side("salon", 1)
    };
    let remove = policy(ConflictPolicy::Newest, RemovedAndEdited::Remove);
    for (sides, decider) in [
        (vec![edited.clone(), remover], "salon"),
        // Nobody is left that removed it: the bridge itself knows.
        (vec![edited], "site"),
    ] {
        let merged = merge(&Presence::Gone, &sides, &remove);
        assert_eq!(merged.presence, Presence::Gone);
        assert_eq!(
            merged.conflicts[0].decided,
            Some(platform(decider)),
            "decided, so nobody is asked"
        );
    }
}

#[test]
fn every_subject_has_a_word_of_its_own() {
    let subjects = Field::ALL
        .into_iter()
        .map(Subject::Field)
        .chain([Subject::Removal]);
    let words: BTreeSet<&str> = subjects.map(Subject::as_str).collect();
    assert_eq!(words.len(), Field::ALL.len() + 1);
}

// R21
#[test]
fn a_change_that_was_taken_in_is_not_lost_in_silence_while_its_platform_cannot_be_read() {
    let edited = changed(&booking(0), Field::Comment, 'a');
    let other = changed(&booking(0), Field::Comment, 'b');
    // One run reads only the first change and takes it in.
    let first = Side {
        shown: Shown::Live(edited),
        ..side("salon", 10)
    };
    let unread = |side: &Side| Side {
        shown: Shown::Unseen,
        ..side.clone()
    };
    let second = side("site", 20);
    let sides = [first, unread(&second)];
    let taken = merge(&Presence::Live(booking(0)), &sides, &newest());
    assert!(taken.conflicts.is_empty());
    let (canonical, sides) = taken_over(&Presence::Live(booking(0)), &sides, &taken);
    // The next reads only the second one.
    let [first, second] = sides.try_into().unwrap();
    let second = Side {
        shown: Shown::Live(other.clone()),
        ..second
    };
    let taken = merge(&canonical, &[unread(&first), second], &newest());
    assert_eq!(taken.presence, Presence::Live(other));
    assert_eq!(taken.conflicts.len(), 1, "{taken:?}");
    assert_eq!(taken.conflicts[0].claims.len(), 2);
}

#[test]
fn what_was_taken_back_stays_so_over_any_number_of_passes() {
    let left_out = Side {
        shown: Shown::Gone,
        shadow: Shadow {
            kept: Presence::Gone,
            agreed: Presence::Live(booking(0)),
        },
        ..side("site", 2)
    };
    let kept_on = Side {
        shadow: Shadow {
            kept: Presence::Live(booking(0)),
            agreed: Presence::Gone,
        },
        ..side("site", 2)
    };
    let cancelled = Side {
        shown: Shown::Gone,
        shadow: Shadow::GONE,
        ..side("salon", 1)
    };
    for (canonical, other, taken_back) in [
        (Presence::Live(booking(0)), side("salon", 1), left_out),
        (Presence::Gone, cancelled.clone(), kept_on.clone()),
    ] {
        let sides = [other, taken_back.clone()];
        let outcome = merge(&canonical, &sides, &newest());
        assert_eq!(
            (&outcome.presence, outcome.conflicts.len()),
            (&canonical, 0)
        );
        let (presence, next) = taken_over(&canonical, &sides, &outcome);
        assert_eq!(presence, canonical);
        assert_eq!(next[1].shadow, taken_back.shadow);
    }
    // A person who goes on with it brings the booking back to life.
    let edited = Side {
        shown: Shown::Live(changed(&booking(0), Field::Slot, 'b')),
        ..kept_on
    };
    let outcome = merge(&Presence::Gone, &[cancelled, edited], &newest());
    assert_eq!(
        outcome.presence,
        Presence::Live(changed(&booking(0), Field::Slot, 'b'))
    );
}

#[test]
fn a_record_revived_where_nobody_listens_is_not_taken_for_one_that_was_kept_on() {
    let revived = Side {
        heard: false,
        shadow: Shadow::GONE,
        ..side("site", 2)
    };
    let outcome = merge(&Presence::Gone, std::slice::from_ref(&revived), &newest());
    assert_eq!(outcome.presence, Presence::Gone);
    assert!(!accepted(&revived, &outcome).is_kept_on());
}
