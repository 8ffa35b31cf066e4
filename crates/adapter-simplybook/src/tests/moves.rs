//! Moving a booking in public mode: cancelled and made again, and never lost on the way.

use jiff::SignedDuration;
use slotbridge_core::model::{Field, RemoteId, ResourceKey, Slot};
use slotbridge_core::record::{Reading, RecordState};
use slotbridge_platform::platform::{Draft, Edit, Priority, Written};
use slotbridge_platform::{ErrorKind, Platform as _, PlatformError, Retry};
use slotbridge_sim::person::Booking;
use slotbridge_sim::simplybook::Options;
use slotbridge_sim::{Fault, Hand as _, Inspect as _, Which};

use super::bench::SimBench;
use super::support::{COMPANY, at, draft, public, sink, zone};
use crate::SimplybookConfig;

fn bench(options: &Options) -> SimBench {
    SimBench::in_process(
        &zone("Europe/London"),
        sink(),
        SimplybookConfig::new(COMPANY, public()),
        options,
    )
}

fn at_hour(start: &str) -> Draft {
    let start = at(start);
    Draft {
        slot: Slot::new(start, start + SignedDuration::from_hours(1)).unwrap(),
        ..draft()
    }
}

async fn move_to(
    bench: &SimBench,
    id: &RemoteId,
    desired: Draft,
) -> Result<Written, PlatformError> {
    let edit = Edit {
        desired,
        fields: [Field::Slot, Field::Resource].into_iter().collect(),
        expected: None,
    };
    bench.platform.update(id, &edit).await
}

const OLD: &str = "2031-05-07T09:30:00Z";
const NEW: &str = "2031-05-07T14:00:00Z";

fn live(bench: &SimBench) -> Vec<(u64, String)> {
    bench
        .sim
        .live()
        .iter()
        .map(|seen| (seen.staff, seen.start.to_string()))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_move_is_a_cancellation_and_a_booking_and_never_two_bookings() {
    let bench = bench(&Options::default());
    let made = bench.platform.create(&draft()).await.unwrap();
    let moved = move_to(&bench, &made.id, at_hour(NEW)).await.unwrap();
    assert_ne!(moved.id, made.id);
    assert_eq!(live(&bench), [(2, NEW.to_owned())]);
    let reading = bench
        .platform
        .read(&made.id, Priority::Write)
        .await
        .unwrap();
    assert!(matches!(reading, Reading::Found(record) if record.state == RecordState::Cancelled));
    let methods: Vec<_> = bench
        .sim
        .calls()
        .iter()
        .filter(|call| call.landed)
        .map(|call| call.method)
        .collect();
    assert_eq!(
        methods,
        ["public.book", "public.cancelBooking", "public.book"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_new_time_that_is_taken_leaves_the_old_booking_alone() {
    let bench = bench(&Options::default());
    let made = bench.platform.create(&draft()).await.unwrap();
    bench
        .sim
        .book(&Booking::new(2, 4, at(NEW), 60).client("Mock", "+79000000001"));
    let error = move_to(&bench, &made.id, at_hour(NEW)).await.unwrap_err();
    assert_eq!(
        (error.kind, error.retry),
        (ErrorKind::SlotTaken, Retry::Never),
        "{error}"
    );
    assert_eq!(bench.sim.count("public.cancelBooking"), 0);
    assert_eq!(live(&bench).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_new_time_that_is_refused_brings_the_old_booking_back() {
    // The table of free times still offers what is taken.
    let bench = bench(&Options {
        matrix_offers_taken: true,
        ..Options::default()
    });
    let made = bench.platform.create(&draft()).await.unwrap();
    bench
        .sim
        .book(&Booking::new(2, 4, at(NEW), 60).client("Mock", "+79000000001"));
    let written = move_to(&bench, &made.id, at_hour(NEW)).await.unwrap();
    assert_ne!(written.id, made.id);
    let record = written.record.expect("what stands now is told");
    assert_eq!(
        (record.id.clone(), record.start, record.state),
        (written.id.clone(), at(OLD), RecordState::Live)
    );
    assert_eq!(live(&bench), [(2, NEW.to_owned()), (2, OLD.to_owned())]);
    let reading = bench
        .platform
        .read(&written.id, Priority::Write)
        .await
        .unwrap();
    assert_eq!(reading, Reading::Found(record));
}

#[tokio::test(start_paused = true)]
async fn an_unclear_booking_of_the_new_time_is_told_as_such_and_not_repeated() {
    let bench = bench(&Options::default());
    let made = bench.platform.create(&draft()).await.unwrap();
    bench
        .sim
        .faults()
        .add("lost", "public.book", Which::Nth(1), Fault::ReplyLost);
    let error = move_to(&bench, &made.id, at_hour(NEW)).await.unwrap_err();
    assert_eq!(error.retry, Retry::AfterObserving, "{error}");
    assert_eq!(live(&bench), [(2, NEW.to_owned())]);
    assert_eq!(bench.sim.count("public.book"), 2);
}

#[tokio::test(start_paused = true)]
async fn a_cancellation_whose_reply_is_lost_is_looked_at_before_the_new_booking() {
    let bench = bench(&Options::default());
    let made = bench.platform.create(&draft()).await.unwrap();
    bench.sim.faults().add(
        "lost",
        "public.cancelBooking",
        Which::Nth(1),
        Fault::ReplyLost,
    );
    move_to(&bench, &made.id, at_hour(NEW)).await.unwrap();
    assert_eq!(bench.sim.faults().fired("lost"), Some(1));
    assert_eq!(live(&bench), [(2, NEW.to_owned())]);
    assert_eq!(bench.sim.count("public.getBooking"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_cancellation_that_did_not_happen_ends_the_move() {
    let bench = bench(&Options::default());
    let made = bench.platform.create(&draft()).await.unwrap();
    bench.sim.faults().add(
        "down",
        "public.cancelBooking",
        Which::Nth(1),
        Fault::ErrorBefore { status: 500 },
    );
    let error = move_to(&bench, &made.id, at_hour(NEW)).await.unwrap_err();
    assert_eq!(error.retry, Retry::AfterObserving, "{error}");
    assert_eq!(live(&bench), [(2, OLD.to_owned())]);
    assert_eq!(bench.sim.count("public.book"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_move_by_half_an_hour_is_not_stopped_by_the_booking_itself() {
    let bench = bench(&Options::default());
    let made = bench.platform.create(&draft()).await.unwrap();
    move_to(&bench, &made.id, at_hour("2031-05-07T10:00:00Z"))
        .await
        .unwrap();
    assert_eq!(live(&bench), [(2, "2031-05-07T10:00:00Z".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn a_change_that_the_platform_does_not_hold_makes_no_call_that_writes() {
    let bench = bench(&Options::default());
    let made = bench.platform.create(&draft()).await.unwrap();
    let fields = [Field::Comment, Field::Status].into_iter().collect();
    let edit = Edit {
        desired: draft(),
        fields,
        expected: None,
    };
    let written = bench.platform.update(&made.id, &edit).await.unwrap();
    assert_eq!(written.id, made.id);
    assert_eq!(
        bench.sim.calls().iter().filter(|call| call.landed).count(),
        1
    );
}

#[tokio::test(start_paused = true)]
async fn a_booking_that_must_be_confirmed_is_confirmed_or_given_up() {
    let options = Options {
        require_confirm: true,
        ..Options::default()
    };
    let bench_of = |confirm_refused| {
        bench(&Options {
            confirm_refused,
            ..options.clone()
        })
    };
    let confirming = bench_of(false);
    confirming.platform.create(&draft()).await.unwrap();
    assert_eq!(live(&confirming), [(2, OLD.to_owned())]);
    let refusing = bench_of(true);
    let error = refusing.platform.create(&draft()).await.unwrap_err();
    assert_eq!(
        (error.kind, error.retry),
        (ErrorKind::Forbidden, Retry::Never),
        "{error}"
    );
    assert_eq!(live(&refusing), []);
}

#[tokio::test(start_paused = true)]
async fn a_callback_makes_a_foreign_booking_readable_and_a_forged_one_does_not() {
    let bench = bench(&Options {
        webhook_new_members: true,
        webhook_twice: true,
        ..Options::default()
    });
    let id = bench.sim.book(
        &Booking::new(3, 5, at(NEW), 60)
            .client("Jane Sample", "+79000000007")
            .email("jane@example.com"),
    );
    let callbacks = bench.sim.take_webhooks();
    assert_eq!(callbacks.len(), 2);
    let hints = bench
        .platform
        .webhook(callbacks[0].to_string().as_bytes())
        .unwrap();
    let [hint] = hints.as_slice() else {
        panic!("one booking, one hint")
    };
    assert!(hint.id.as_str().starts_with(&format!("{id}:")));
    let Reading::Found(record) = bench.platform.read(&hint.id, Priority::Hint).await.unwrap()
    else {
        panic!("it is there")
    };
    assert_eq!(
        (record.resource, record.start, record.client.name.expose()),
        (ResourceKey::new("3"), at(NEW), "Jane Sample")
    );
    let forged = callbacks[0]
        .to_string()
        .replace(hint.id.as_str().split(':').nth(1).unwrap(), &"0".repeat(32));
    let again = bench.platform.webhook(forged.as_bytes()).unwrap();
    assert_eq!(again[0].id, hint.id, "a known booking keeps its id");
    assert!(matches!(
        bench.platform.read(&hint.id, Priority::Hint).await.unwrap(),
        Reading::Found(_)
    ));
    let stranger = RemoteId::new(format!("{id}:{}", "0".repeat(32)));
    let fresh = super::moves::bench(&Options::default());
    fresh
        .sim
        .book(&Booking::new(3, 5, at(NEW), 60).client("Jane Sample", "+79000000007"));
    assert!(matches!(
        fresh
            .platform
            .read(&stranger, Priority::Hint)
            .await
            .unwrap(),
        Reading::Unreadable(_)
    ));
}

#[tokio::test(start_paused = true)]
async fn breaks_closing_time_and_days_off_are_not_taken_for_bookings() {
    let options = Options {
        timeframe: 30,
        ..Options::default()
    };
    let bench = bench(&options);
    let time = |hour| jiff::civil::time(hour, 0, 0, 0);
    bench
        .sim
        .add_unit(6, "Clara", time(9), time(18), &[(time(13), time(14))]);
    bench.sim.close_on(jiff::civil::date(2031, 5, 10));
    bench
        .sim
        .book(&Booking::new(6, 4, at("2031-05-08T14:00:00Z"), 60).client("Mock", "+79000000001"));
    let (resource, service) = (
        ResourceKey::new("6"),
        slotbridge_core::model::ServiceKey::new("4"),
    );
    let grid = bench
        .platform
        .occupancy(
            &resource,
            &service,
            SignedDuration::from_hours(1),
            Priority::Poll,
        )
        .await
        .unwrap();
    let busy: Vec<_> = grid
        .cells
        .iter()
        .filter(|cell| !cell.available)
        .map(|cell| cell.start.to_string())
        .collect();
    // A booking of an hour at three o'clock makes these starts of an hour impossible.
    assert_eq!(
        busy,
        [
            "2031-05-08T13:30:00Z",
            "2031-05-08T14:00:00Z",
            "2031-05-08T14:30:00Z"
        ]
    );
    assert!(
        grid.cells
            .iter()
            .any(|cell| cell.available && cell.start == at("2031-05-08T15:00:00Z"))
    );
    let calls = bench.sim.calls().len();
    bench
        .platform
        .occupancy(
            &resource,
            &service,
            SignedDuration::from_hours(1),
            Priority::Poll,
        )
        .await
        .unwrap();
    assert_eq!(
        bench.sim.calls().len() - calls,
        1,
        "the hours are remembered"
    );
}
