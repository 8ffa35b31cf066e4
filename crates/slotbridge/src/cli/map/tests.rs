//! What is learned from records where there is no catalogue.

use slotbridge_core::model::{Client, Private, RemoteId, ResourceKey, ServiceKey, Status};
use slotbridge_core::record::{Record, RecordState};

use super::*;

/// A record of some minutes, `number` days after the epoch.
fn row(
    number: i64,
    (staff, name): (&str, Option<&str>),
    services: &[&str],
    title: Option<&str>,
    minutes: Option<i64>,
) -> MirrorRow {
    let start = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * number);
    let record = Record {
        id: RemoteId::new(number.to_string()),
        state: RecordState::Live,
        resource: ResourceKey::new(staff),
        services: services.iter().map(|key| ServiceKey::new(*key)).collect(),
        start,
        end: minutes.map(|minutes| start + SignedDuration::from_mins(minutes)),
        client: Client {
            name: Private::default(),
            phone: None,
            email: None,
        },
        status: Status::Booked,
        comment: Private::default(),
        marker: None,
        is_block: false,
        changed_at: None,
        created_at: None,
        resource_title: name.map(str::to_owned),
        service_title: title.map(str::to_owned),
        group: None,
        support: Support::Full,
    };
    MirrorRow {
        record,
        first_seen_at: start,
        noticed_at: start,
        seen_at: start,
        is_erased: false,
        unreadable: None,
    }
}

const ANNA: (&str, Option<&str>) = ("1702", Some("Анна"));

#[test]
fn ids_get_their_latest_title_and_one_without_a_title_is_kept() {
    let rows = [
        row(1, ANNA, &["3925"], Some("Стрижка"), None),
        row(
            2,
            ("1702", Some("Анна Вымышленная")),
            &["3925", "3926"],
            Some("Стрижка женская"),
            None,
        ),
        row(3, ("1702", None), &["3925"], None, None),
        row(4, ("1703", None), &[], None, None),
    ];
    let (source, resources, services) = learned(&rows);
    assert_eq!(source, Source::Records(4));
    let shown = |entries: &[Entry]| -> Vec<(String, String)> {
        entries
            .iter()
            .map(|entry| (entry.key.clone(), entry.title.clone()))
            .collect()
    };
    let pair = |key: &str, title: &str| (key.to_owned(), title.to_owned());
    assert_eq!(
        shown(&resources),
        [pair("1702", "Анна Вымышленная"), pair("1703", "1703")]
    );
    // The second service of a record has no title of its own.
    assert_eq!(
        shown(&services),
        [pair("3925", "Стрижка женская"), pair("3926", "3926")]
    );
    assert_eq!(learned(&[]), (Source::Records(0), Vec::new(), Vec::new()));
}

#[test]
fn the_length_is_that_of_most_records_of_the_service_alone() {
    let length = |rows: &[MirrorRow]| {
        learned(rows)
            .2
            .first()
            .and_then(|entry| entry.duration)
            .map(|length| length.as_mins())
    };
    let cut = |number, minutes| row(number, ANNA, &["3925"], None, minutes);
    assert_eq!(
        length(&[cut(1, Some(60)), cut(2, Some(90)), cut(3, Some(60))]),
        Some(60)
    );
    assert_eq!(length(&[cut(1, Some(60)), cut(2, Some(90))]), None);
    assert_eq!(length(&[cut(1, None)]), None);
    // Two services together say nothing of either; nor does a busy time that stands under a service.
    let both = row(1, ANNA, &["3925", "3926"], None, Some(90));
    let mut block = cut(2, Some(30));
    block.record.is_block = true;
    let mut group = cut(3, Some(30));
    group.record.support = Support::Occupancy { why: "group" };
    assert_eq!(length(&[both, block, group]), None);
}
