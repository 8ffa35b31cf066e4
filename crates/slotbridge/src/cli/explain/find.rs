//! Which booking or record is meant: by the booking's id, or by a record's id with or without its platform.

use jiff::Timestamp;
use slotbridge_core::model::{BookingId, BridgeName, PlatformName, RemoteId};
use slotbridge_store::Store;

use crate::cli::report::{Exit, Failure};
use crate::config::Config;
use crate::render::words::clean;

/// Something that is known.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Found {
    /// A booking of a bridge.
    Booking {
        /// Of which bridge.
        bridge: BridgeName,
        /// Which one.
        booking: BookingId,
    },
    /// A record that belongs to no booking.
    Record {
        /// Which bridge looks at it.
        bridge: BridgeName,
        /// Where.
        platform: PlatformName,
        /// Which one.
        id: RemoteId,
    },
}

/// Finds what is meant; in each bridge that knows it.
pub(super) async fn find(
    store: &Store,
    config: &Config,
    asked: &str,
) -> Result<Vec<Found>, Failure> {
    if let Ok(booking) = asked.parse::<BookingId>() {
        let found = by_booking(store, config, booking).await?;
        if !found.is_empty() {
            return Ok(found);
        }
    }
    let named = asked.split_once(':').and_then(|(platform, id)| {
        let platform = config.platform(platform)?;
        Some((platform.name.clone(), RemoteId::new(id)))
    });
    if let Some((platform, id)) = named {
        let found = by_record(store, config, &platform, &id).await?;
        return if found.is_empty() {
            Err(unknown(asked))
        } else {
            Ok(found)
        };
    }
    let id = RemoteId::new(asked);
    let mut platforms = Vec::new();
    let mut found = Vec::new();
    for platform in &config.platforms {
        let here = by_record(store, config, &platform.name, &id).await?;
        if !here.is_empty() {
            platforms.push(format!("{}:{}", platform.name, clean(asked)));
            found.extend(here);
        }
    }
    // Several platforms may know one booking by the same id.
    found.sort();
    found.dedup();
    let one_booking = found.iter().all(|one| {
        matches!((one, found.first()), (Found::Booking { booking, .. }, Some(Found::Booking { booking: first, .. })) if booking == first)
    });
    match platforms.as_slice() {
        [] => Err(unknown(asked)),
        [_] => Ok(found),
        _ if one_booking => Ok(found),
        several => Err(Failure::Plain {
            message: format!("{:?} is a record on several platforms", clean(asked)),
            hint: Some(format!("say which one: {}", several.join(" or "))),
            exit: Exit::Usage,
        }),
    }
}

fn unknown(asked: &str) -> Failure {
    Failure::Plain {
        message: format!("nothing is known of {:?}", clean(asked)),
        hint: Some(
            "name a booking by its id as reports show it, or a record as PLATFORM:ID; what was never seen has no story: \
             `slotbridge status` shows when each platform was last read"
                .to_owned(),
        ),
        exit: Exit::Usage,
    }
}

async fn by_booking(
    store: &Store,
    config: &Config,
    booking: BookingId,
) -> Result<Vec<Found>, Failure> {
    let mut found = Vec::new();
    for bridge in &config.bridges {
        let state = store.bookings(&bridge.name, vec![booking]).await?;
        if !state.bookings.is_empty() {
            found.push(Found::Booking {
                bridge: bridge.name.clone(),
                booking,
            });
        }
    }
    Ok(found)
}

async fn by_record(
    store: &Store,
    config: &Config,
    platform: &PlatformName,
    id: &RemoteId,
) -> Result<Vec<Found>, Failure> {
    let mut found = Vec::new();
    for bridge in &config.bridges {
        if !bridge
            .members
            .iter()
            .any(|member| member.platform == *platform)
        {
            continue;
        }
        let state = store
            .bookings_of(&bridge.name, platform, vec![id.clone()])
            .await?;
        let mut bookings: Vec<BookingId> = state.bookings.iter().map(|row| row.id).collect();
        if bookings.is_empty() {
            // It may have been the record of a booking once.
            let past = store.past_links(&bridge.name, Timestamp::MIN).await?;
            let past = past.into_iter().filter(|link| link.platform == *platform);
            bookings.extend(
                past.filter(|link| link.remote_id.as_ref() == Some(id))
                    .map(|link| link.booking),
            );
            bookings.sort_unstable();
            bookings.dedup();
        }
        let name = &bridge.name;
        found.extend(bookings.iter().map(|booking| Found::Booking {
            bridge: name.clone(),
            booking: *booking,
        }));
        let mirrored = !store
            .mirror_rows(platform, vec![id.clone()])
            .await?
            .is_empty();
        let unreadable = store.unreadable(platform).await?;
        let quarantined = unreadable.iter().any(|row| row.id.as_ref() == Some(id));
        if bookings.is_empty() && (mirrored || quarantined) {
            found.push(Found::Record {
                bridge: name.clone(),
                platform: platform.clone(),
                id: id.clone(),
            });
        }
    }
    Ok(found)
}
