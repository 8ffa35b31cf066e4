//! Cases about the parts of an adapter that only compute.

use jiff::{SignedDuration, Timestamp};
use slotbridge_core::model::{Booking, Client, Kind, Private, ResourceName, ServiceName, Status};

use super::stage::{Case, Dice, Stage, ensure, failed, slot};
use super::subject::Subject;

const BOOKINGS: usize = 500;
const GARBAGE_BODIES: usize = 500;

pub(super) async fn the_projection_applied_twice_changes_nothing_more(
    subject: &dyn Subject,
) -> Case {
    let stage = Stage::new(subject).await?;
    let projection = stage.platform.projection();
    let mut dice = Dice::new(1);
    for _ in 0..BOOKINGS {
        let booking = any_booking(&mut dice);
        let once = projection.project(&booking);
        ensure!(
            projection.project(&once) == once,
            "projecting {booking:?} a second time changes it again"
        );
        ensure!(
            projection.differing(&booking, &once).is_empty(),
            "{booking:?} differs from its own projection"
        );
    }
    for status in Status::ALL {
        let once = projection.status(status);
        ensure!(
            projection.status(once) == once,
            "{status:?} becomes {once:?}, which becomes something else"
        );
        let is_gone = |status| status == Status::Cancelled;
        ensure!(
            is_gone(status) == is_gone(once),
            "{status:?} must not become {once:?}"
        );
    }
    Ok(())
}

pub(super) async fn the_webhook_parser_is_total(subject: &dyn Subject) -> Case {
    let stage = Stage::new(subject).await?;
    let bodies: Vec<&[u8]> = stage
        .samples
        .webhooks
        .iter()
        .map(|(body, _)| body.as_slice())
        .collect();
    let mut dice = Dice::new(2);
    for n in 0..GARBAGE_BODIES {
        // Half of them start from a real body, or only the first check would ever be reached.
        let mut body = match bodies.get(n % bodies.len().max(1)) {
            Some(real) if n % 2 == 0 => real.to_vec(),
            _ => (0..dice.below(200)).map(|_| dice.byte()).collect(),
        };
        for _ in 0..=dice.below(4) {
            let place = dice.below(body.len());
            if let Some(byte) = body.get_mut(place) {
                *byte = dice.byte();
            }
        }
        if n % 3 == 0 {
            body.truncate(dice.below(body.len()));
        }
        // Whatever it says is fine; a panic is caught by the suite.
        drop(stage.platform.webhook(&body));
    }
    for body in [
        &b""[..],
        b"null",
        b"[]",
        b"{}",
        b"0",
        b"\"\"",
        b"\xff\xfe",
        b"[[[[[[[[",
        b"{\"a\":1e999}",
    ] {
        if let Ok(hints) = stage.platform.webhook(body) {
            ensure!(
                hints.is_empty(),
                "a body that says nothing gives hints {hints:?}"
            );
        }
    }
    Ok(())
}

pub(super) async fn webhooks_point_at_their_records(subject: &dyn Subject) -> Case {
    let stage = Stage::new(subject).await?;
    if stage.samples.webhooks.is_empty() {
        return super::stage::skipped("no sample webhooks");
    }
    for (place, (body, expected)) in stage.samples.webhooks.iter().enumerate() {
        match stage.platform.webhook(body) {
            Ok(hints) => {
                let ids: Vec<_> = hints.iter().map(|hint| &hint.id).collect();
                ensure!(
                    ids == expected.iter().collect::<Vec<_>>(),
                    "webhook {place} points at {ids:?}, not at {expected:?}"
                );
            }
            Err(error) => return failed(format!("webhook {place} is not read: {error}")),
        }
    }
    Ok(())
}

fn any_booking(dice: &mut Dice) -> Booking {
    const TEXTS: [&str; 8] = [
        "",
        " ",
        "Anna",
        "Ёлкина Мария-Анна",
        "  two  spaces ",
        "a\nb\tc",
        "🙂🙂🙂",
        "+79000000001, person@example.com",
    ];
    let text = |dice: &mut Dice| {
        let picked = TEXTS
            .get(dice.below(TEXTS.len()))
            .copied()
            .unwrap_or_default();
        Private::new(picked.repeat(1 + dice.below(40)))
    };
    let services = ["haircut", "colour", "beard"]
        .into_iter()
        .take(dice.below(4));
    let start = Timestamp::UNIX_EPOCH
        + SignedDuration::new(
            i64::try_from(dice.below(4_000_000_000)).unwrap_or(0),
            500_000_000,
        );
    let length = SignedDuration::from_secs(i64::try_from(dice.below(100_000)).unwrap_or(0));
    Booking {
        resource: ResourceName::new("anna").expect("letters make a name"),
        services: services
            .map(|name| ServiceName::new(name).expect("letters make a name"))
            .collect(),
        slot: slot(start, length),
        client: Client {
            name: text(dice),
            phone: (dice.below(2) == 0).then(|| text(dice)),
            email: (dice.below(2) == 0).then(|| text(dice)),
        },
        status: Status::ALL
            .get(dice.below(Status::ALL.len()))
            .copied()
            .unwrap_or(Status::Booked),
        comment: text(dice),
        kind: if dice.below(4) == 0 {
            Kind::Block
        } else {
            Kind::Appointment
        },
    }
}
