//! The engine that is always on, in virtual time: what happens on one platform arrives on the other, soon and once.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use slotbridge_core::model::Private;
use slotbridge_core::record::RecordState;
use slotbridge_platform::capabilities::Quota;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::fake::Fault;
use super::*;
use crate::EngineError;
use crate::daemon::{Daemon, Handle, PlatformQuota, Reload, Request, Setup};
use crate::event::{Event, Listener, LookKind, RunCause};

/// Everything that was told.
#[derive(Debug, Default)]
struct Heard(Mutex<Vec<Event>>);

impl Listener for Heard {
    fn hear(&self, event: &Event) {
        self.0.lock().unwrap().push(event.clone());
    }
}

impl Heard {
    fn count(&self, wanted: impl Fn(&Event) -> bool) -> usize {
        let events = self.0.lock().unwrap();
        events.iter().filter(|event| wanted(event)).count()
    }

    /// How old changes were when they arrived.
    fn ages(&self) -> Vec<Duration> {
        let events = self.0.lock().unwrap();
        events
            .iter()
            .filter_map(|event| match event {
                Event::Fresh { age, .. } => Some(*age),
                _ => None,
            })
            .collect()
    }
}

/// A daemon at work.
pub(super) struct Running {
    pub(super) handle: Handle,
    heard: Arc<Heard>,
    shutdown: CancellationToken,
    reload: mpsc::Sender<Reload>,
    pub(super) task: JoinHandle<Result<(), EngineError>>,
}

impl World {
    pub(super) fn setup(&self, quotas: &[Quota]) -> Setup {
        let of = |platform: &Fake| {
            let quota = PlatformQuota {
                scope: platform.name().to_string(),
                quotas: quotas.to_vec(),
                poll_every: None,
                gate: None,
            };
            (platform.name().clone(), quota)
        };
        Setup {
            bridges: vec![self.bridge.clone()],
            quotas: BTreeMap::from([of(&self.a), of(&self.b)]),
        }
    }

    /// Starts a daemon and lets it come to rest.
    pub(super) async fn start(&self) -> Running {
        self.start_with(self.setup(&[]), Mode::Apply).await
    }

    pub(super) async fn start_with(&self, setup: Setup, mode: Mode) -> Running {
        let (handle, requests) = Handle::new();
        let heard = Arc::new(Heard::default());
        let (reload, reloads) = mpsc::channel(1);
        let daemon = Daemon {
            store: self.store.clone(),
            seam: Arc::clone(&self.seam) as Arc<dyn Seam>,
            setup,
            mode,
            listener: Arc::clone(&heard) as Arc<dyn Listener>,
            handle: handle.clone(),
            requests,
            reloads,
        };
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(daemon.run(shutdown.clone()));
        tokio::time::sleep(Duration::from_millis(100)).await;
        Running {
            handle,
            heard,
            shutdown,
            reload,
            task,
        }
    }

    pub(super) async fn webhook(&self, platform: &Fake, body: &str) {
        let change = Change::Inbox {
            platform: platform.name().clone(),
            id: None,
            body_hash: *blake3::hash(body.as_bytes()).as_bytes(),
            body: body.as_bytes().to_vec().into(),
            at: self.seam.now(),
        };
        self.store.apply(vec![change]).await.unwrap();
    }

    pub(super) async fn inbox(&self, platform: &Fake) -> usize {
        let waiting = self.store.inbox_pending(platform.name()).await.unwrap();
        waiting.len()
    }
}

impl Running {
    pub(super) async fn stop(self) {
        self.shutdown.cancel();
        self.task.await.unwrap().unwrap();
    }

    pub(super) fn hint(&self, platform: &Fake) {
        assert!(self.handle.ask(Request::Hinted(platform.name().clone())));
    }
}

/// A moment of virtual time that is shorter than any poll.
async fn moment() {
    tokio::time::sleep(Duration::from_millis(50)).await;
}

pub(super) async fn seconds(count: u64) {
    tokio::time::sleep(Duration::from_secs(count)).await;
}

#[tokio::test(start_paused = true)]
async fn a_webhook_leads_to_one_reading_and_one_write() {
    let world = World::listing();
    let running = world.start().await;
    let lists = world.a.calls("list") + world.b.calls("list");
    let id = world.a.book("anna", at(9, 0), 60, "Дарья");
    world.webhook(&world.a, id.as_str()).await;
    running.hint(&world.a);
    moment().await;
    assert_eq!(world.times(&world.a), world.times(&world.b));
    assert_eq!(
        (world.a.calls("read"), world.b.calls("create")),
        (1, 1),
        "one reading where it happened, one write where it did not"
    );
    assert_eq!(world.a.calls("list") + world.b.calls("list"), lists);
    assert_eq!(world.inbox(&world.a).await, 0);
    let [age] = running.heard.ages().try_into().unwrap();
    assert!(age < Duration::from_millis(50), "{age:?}");
    running.stop().await;
}

// R27
#[tokio::test(start_paused = true)]
async fn without_webhooks_a_change_is_noticed_within_the_planned_interval() {
    for feed in [false, true] {
        let seam = seam();
        let b = if feed {
            Fake::feed("b", Arc::clone(&seam) as Arc<dyn Seam>)
        } else {
            Fake::listing("b", Arc::clone(&seam) as Arc<dyn Seam>)
        };
        let world = World::over(seam, b);
        // 0.2 calls a second; a quarter is kept for writes, and a twentieth of the rest is for far looks, if there are any.
        let quota = Quota {
            calls: 1,
            per: Duration::from_secs(5),
        };
        let running = world.start_with(world.setup(&[quota]), Mode::Apply).await;
        let id = world.b.book("anna", at(9, 0), 60, "Дарья");
        let most = if feed { 6_667 } else { 7_018 };
        tokio::time::sleep(Duration::from_millis(most + 50)).await;
        assert_eq!(world.times(&world.a), world.times(&world.b), "feed {feed}");
        world.b.move_to(&id, at(11, 0));
        tokio::time::sleep(Duration::from_millis(most + 50)).await;
        assert_eq!(world.times(&world.a), world.times(&world.b), "feed {feed}");
        world.b.cancel(&id);
        tokio::time::sleep(Duration::from_millis(most + 50)).await;
        assert_eq!(world.times(&world.a), [], "feed {feed}");
        let plan = running.handle.health().platforms[1].plan.unwrap();
        assert_eq!(plan.near, Duration::from_millis(most));
        assert_eq!(plan.notice, plan.near / 2);
        running.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_quiet_hour_costs_no_more_than_the_quota_leaves_for_looking() {
    let world = World::listing();
    for hour in 8..18 {
        world.a.book(
            "anna",
            at(hour, 0),
            60,
            &"К".repeat(usize::try_from(hour).unwrap()),
        );
    }
    let quota = Quota {
        calls: 60,
        per: Duration::from_hours(1),
    };
    let running = world.start_with(world.setup(&[quota]), Mode::Apply).await;
    let calls = |platform: &Fake| platform.calls("list") + platform.calls("read");
    let (before, writes) = (calls(&world.a), world.a.writes() + world.b.writes());
    assert_eq!(writes, 10);
    seconds(3600).await;
    // Three quarters of sixty calls, and the looks that straddle the hour.
    let made = calls(&world.a) - before;
    assert!((40..=46).contains(&made), "{made}");
    assert_eq!(world.a.writes() + world.b.writes(), writes);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn many_webhooks_of_one_record_are_one_reading_and_many_records_one_listing() {
    let world = World::listing();
    let running = world.start().await;
    let id = world.a.book("anna", at(9, 0), 60, "Дарья");
    // The same body is kept once while it waits; these differ, as the events of some platforms do.
    world.webhook(&world.a, id.as_str()).await;
    world.webhook(&world.a, &format!("whole {id}")).await;
    for _ in 0..5 {
        running.hint(&world.a);
    }
    moment().await;
    assert_eq!((world.a.calls("read"), world.b.calls("create")), (1, 1));

    let lists = world.a.calls("list");
    for hour in 0..100 {
        let id = world
            .a
            .book("anna", at(24 + hour, 0), 60, &format!("Клиент {hour}"));
        world.webhook(&world.a, id.as_str()).await;
    }
    running.hint(&world.a);
    moment().await;
    assert_eq!(world.times(&world.a), world.times(&world.b));
    assert_eq!(
        (world.a.calls("read"), world.a.calls("list") - lists),
        (1, 1)
    );
    assert_eq!(world.inbox(&world.a).await, 0);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_webhook_that_shows_the_whole_record_is_used_before_it_is_confirmed() {
    let world = World::with_grid();
    let running = world.start().await;
    let id = world.b.book("anna", at(9, 0), 60, "Дарья");
    world.b.fault("read", Fault::Down);
    world.webhook(&world.b, &format!("whole {id}")).await;
    running.hint(&world.b);
    moment().await;
    // The platform could not be asked, and the booking is there all the same.
    assert_eq!(world.times(&world.a), world.times(&world.b));
    assert_eq!(world.inbox(&world.b).await, 1, "not confirmed yet");
    seconds(10).await;
    assert_eq!(world.inbox(&world.b).await, 0);

    // One that says something else than the platform would, because it was overtaken, is put right by the reading.
    world.b.cancel(&id);
    world.webhook(&world.b, id.as_str()).await;
    running.hint(&world.b);
    moment().await;
    assert_eq!(world.times(&world.a), []);
    running.stop().await;
}

// R8
#[tokio::test(start_paused = true)]
async fn a_late_webhook_does_not_bring_back_what_was_cancelled() {
    let world = World::listing();
    let running = world.start().await;
    let id = world.a.book("anna", at(9, 0), 60, "Дарья");
    world.webhook(&world.a, id.as_str()).await;
    running.hint(&world.a);
    moment().await;
    world.a.cancel(&id);
    seconds(3).await;
    assert_eq!(world.times(&world.b), []);
    // The platform still says what it said when the booking was made.
    world
        .a
        .person(&id, |record| record.state = RecordState::Live);
    world.webhook(&world.a, &format!("whole {id}")).await;
    world
        .a
        .state
        .lock()
        .unwrap()
        .records
        .get_mut(&id)
        .unwrap()
        .state = RecordState::Deleted;
    running.hint(&world.a);
    moment().await;
    assert_eq!(world.times(&world.b), []);
    assert_eq!(world.b.calls("create"), 1);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_was_stored_before_a_crash_is_worked_off_by_the_next_start() {
    let world = World::listing();
    let running = world.start().await;
    let id = world.a.book("anna", at(9, 0), 60, "Дарья");
    world.webhook(&world.a, id.as_str()).await;
    // It dies before it hears of the webhook.
    running.task.abort();
    assert!(running.task.await.unwrap_err().is_cancelled());
    // The listing of the next start does not show the record: only the webhook knows of it.
    world.a.person(&id, |record| {
        record.start = at(24 * 90, 0);
        record.end = Some(at(24 * 90, 30));
    });
    let next = world.start().await;
    assert_eq!((world.a.calls("read"), world.inbox(&world.a).await), (1, 0));
    next.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_looked_for_and_never_repeated_blindly() {
    for fault in [Fault::ReplyLost, Fault::LostBefore] {
        let world = World::listing();
        let running = world.start().await;
        let id = world.a.book("anna", at(9, 0), 60, "Дарья");
        world.b.fault("create", fault);
        world.webhook(&world.a, id.as_str()).await;
        running.hint(&world.a);
        moment().await;
        assert_eq!(world.b.calls("create"), 1);
        assert_eq!(running.handle.health().bridges[0].journal_open, 1);
        seconds(1).await;
        assert_eq!(world.b.calls("create"), 1, "it may still land");
        seconds(5).await;
        assert_eq!(world.times(&world.a), world.times(&world.b), "{fault:?}");
        let creates = if fault == Fault::ReplyLost { 1 } else { 2 };
        assert_eq!(world.b.calls("create"), creates);
        assert_eq!(running.handle.health().bridges[0].journal_open, 0);
        assert!(!world.b.state.lock().unwrap().twins_seen);
        running.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_platform_that_is_down_is_told_once_waited_for_and_caught_up_with() {
    let world = World::listing();
    let running = world.start().await;
    for _ in 0..6 {
        world.b.fault("list", Fault::Down);
        world.b.fault("create", Fault::Down);
    }
    let id = world.a.book("anna", at(9, 0), 60, "Дарья");
    world.webhook(&world.a, id.as_str()).await;
    running.hint(&world.a);
    seconds(30).await;
    assert_eq!(world.times(&world.b), []);
    let down = |heard: &Heard| {
        (
            heard.count(|event| matches!(event, Event::Down { .. })),
            heard.count(|event| matches!(event, Event::Up { .. })),
        )
    };
    assert_eq!(down(&running.heard), (1, 0));
    assert!(running.handle.health().platforms[1].down.is_some());
    // Nobody knocks at a closed door all day: waits grow, and the other platform is looked at as ever.
    assert!(world.b.calls("list") < 8, "{}", world.b.calls("list"));
    assert!(world.a.calls("list") > 20, "{}", world.a.calls("list"));
    seconds(600).await;
    assert_eq!(down(&running.heard), (1, 1));
    assert_eq!(world.times(&world.a), world.times(&world.b));
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn many_removals_in_many_small_runs_trip_the_guard_like_one_large_one() {
    let mut world = World::listing();
    world.bridge.limits.removals_max = 3;
    world.bridge.limits.removals_max_percent = 0;
    let ids: Vec<RemoteId> = (8..18)
        .map(|hour| {
            world.a.book(
                "anna",
                at(hour, 0),
                60,
                &"К".repeat(usize::try_from(hour).unwrap()),
            )
        })
        .collect();
    let running = world.start().await;
    assert_eq!(world.b.live().len(), 10);
    for id in &ids[..6] {
        world.a.cancel(id);
        world.webhook(&world.a, id.as_str()).await;
        running.hint(&world.a);
        moment().await;
    }
    assert_eq!(world.b.calls("remove"), 3);
    // Everything else goes on.
    let id = world.a.book("boris", at(9, 0), 60, "Дарья");
    world.webhook(&world.a, id.as_str()).await;
    running.hint(&world.a);
    moment().await;
    assert_eq!(world.b.live().len(), 8);
    let guards = world.store.guards(&world.bridge.name).await.unwrap();
    assert_eq!(guards.len(), 1);
    // What is shown for approval is the whole of what is held.
    assert_eq!(guards[0].planned, 6);
    world.approve().await;
    running.handle.ask(Request::Sweep {
        bridge: None,
        asked: true,
    });
    moment().await;
    assert_eq!(world.times(&world.a), world.times(&world.b));
    assert_eq!(world.store.guards(&world.bridge.name).await.unwrap(), []);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_went_back_is_doubted_until_a_person_has_looked_and_no_longer() {
    let world = World::listing();
    world.a.book("anna", at(9, 0), 60, "Вера");
    world.settle().await;
    world.a.book("anna", at(11, 0), 60, "Дарья");
    world.seam.set_wall_clock(SignedDuration::from_mins(-30));
    let running = world.start().await;
    moment().await;
    assert_eq!(world.b.live().len(), 1, "the first plan is held");
    let guards = world.store.guards(&world.bridge.name).await.unwrap();
    assert!(guards.iter().any(|guard| guard.what == "clock_went_back"));
    world.approve().await;
    running.handle.ask(Request::Sweep {
        bridge: None,
        asked: true,
    });
    moment().await;
    assert_eq!(world.b.live().len(), 2);
    let id = world.a.book("boris", at(9, 0), 60, "Елена");
    world.webhook(&world.a, id.as_str()).await;
    running.hint(&world.a);
    moment().await;
    assert_eq!(world.b.live().len(), 3, "what comes later is not held");
    assert_eq!(world.store.guards(&world.bridge.name).await.unwrap(), []);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn busy_times_on_a_platform_without_a_list_are_blocked_after_two_looks() {
    let world = World::with_grid();
    let running = world.start().await;
    world.b.book("anna", at(9, 0), 60, "Дарья");
    seconds(60).await;
    let blocks: Vec<bool> = world
        .a
        .live()
        .iter()
        .map(|record| record.is_block)
        .collect();
    assert_eq!(blocks, [true]);
    assert_eq!(world.a.live()[0].start, at(9, 0));
    // And a booking made elsewhere is written there although its grid was read a while ago.
    let id = world.a.book("boris", at(12, 0), 60, "Павел");
    world.webhook(&world.a, id.as_str()).await;
    running.hint(&world.a);
    moment().await;
    assert_eq!(world.b.live().len(), 2);
    // Cancelled there by us, its time is free again before any grid says so.
    world.a.cancel(&id);
    world.webhook(&world.a, id.as_str()).await;
    running.hint(&world.a);
    moment().await;
    let again = world.a.book("boris", at(12, 0), 60, "Вера");
    world.webhook(&world.a, again.as_str()).await;
    running.hint(&world.a);
    moment().await;
    let clients: Vec<String> = world
        .b
        .live()
        .iter()
        .map(|record| record.client.name.expose().to_owned())
        .collect();
    assert_eq!(clients, ["Дарья", "Вера"]);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_platform_that_is_suddenly_empty_waits_for_a_person_and_then_goes_on() {
    let world = World::listing();
    for number in 0..6 {
        let start = at(9, 0) + SignedDuration::from_hours(24 * number);
        world.a.book("anna", start, 60, "Вера");
    }
    let running = world.start().await;
    assert_eq!(world.b.live().len(), 6);
    world.a.state.lock().unwrap().records.clear();
    seconds(900).await;
    assert_eq!(world.b.live().len(), 6);
    let guards = world.store.guards(&world.bridge.name).await.unwrap();
    let latched: Vec<_> = guards.iter().map(|guard| guard.what.as_str()).collect();
    assert_eq!(latched, ["suddenly_empty"]);
    // What somebody books on the other platform does not wait.
    let b = world.b.book("boris", at(9, 0), 60, "Игорь");
    world.webhook(&world.b, b.as_str()).await;
    running.hint(&world.b);
    seconds(5).await;
    world.approve().await;
    let bridge = Some(world.bridge.name.clone());
    assert!(running.handle.ask(Request::Sweep {
        bridge,
        asked: true
    }));
    // A platform that cannot be used is tried again every five minutes.
    seconds(330).await;
    assert_eq!(world.times(&world.a), world.times(&world.b));
    assert_eq!(world.b.live().len(), 1);
    assert_eq!(world.store.guards(&world.bridge.name).await.unwrap(), []);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn all_free_times_are_looked_at_after_the_clock_was_set_back() {
    let world = World::with_grid();
    let running = world.start().await;
    seconds(60).await;
    world.seam.set_wall_clock(SignedDuration::from_mins(-30));
    seconds(10).await;
    world.b.book("anna", at(9, 0), 60, "Вера");
    world.b.book("boris", at(12, 0), 60, "Игорь");
    seconds(30).await;
    let blocked = world.a.live();
    let starts: Vec<_> = blocked.iter().map(|record| record.start).collect();
    assert_eq!(starts, [at(9, 0), at(12, 0)]);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_record_whose_webhook_comes_after_its_booking_was_cancelled_or_moved_follows_it() {
    let later = at(12, 0) + SignedDuration::from_hours(24 * 5);
    for moved in [false, true] {
        let world = World::with_grid();
        let b = world.b.book("anna", at(9, 0), 60, "Вера");
        let a = world.a.book("anna", at(9, 0), 60, "Вера");
        let running = world.start().await;
        assert_eq!(world.b.writes(), 0, "it is taken for the same booking");
        seconds(60).await;
        if moved {
            world.a.move_to(&a, later);
        } else {
            world.a.cancel(&a);
        }
        world.webhook(&world.a, a.as_str()).await;
        running.hint(&world.a);
        seconds(60).await;
        world.webhook(&world.b, b.as_str()).await;
        running.hint(&world.b);
        moment().await;
        let times = |platform: &Fake| -> Vec<_> {
            let live = platform.live().into_iter();
            let clients = live.filter(|record| !record.is_block);
            clients.map(|record| record.start).collect()
        };
        let expected = if moved { vec![later] } else { Vec::new() };
        assert_eq!(times(&world.a), expected);
        assert_eq!(times(&world.b), expected);
        running.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn named_records_that_are_gone_or_cannot_be_read_hold_up_no_others() {
    let mut world = World::with_grid();
    let unreadable = world.b.book("anna", at(9, 0), 60, "Вера");
    {
        let mut state = world.b.state.lock().unwrap();
        state.garbled = vec![unreadable.clone()];
        state.read_takes = Duration::from_millis(500);
    }
    let named = world.b.book("anna", at(12, 0), 60, "Дарья");
    // It comes before the others.
    let gone = RemoteId::new("a-gone");
    world.bridge.members[1].known_records = vec![gone, unreadable, named];
    let quota = Quota {
        calls: 1,
        per: Duration::from_secs(5),
    };
    let running = world.start_with(world.setup(&[quota]), Mode::Apply).await;
    seconds(120).await;
    let on_a = |client: &str| {
        let live = world.a.live();
        live.iter().any(|one| one.client.name.expose() == client)
    };
    assert!(on_a("Дарья"), "{:?}", world.times(&world.a));
    assert!(world.b.calls("occupancy") > 10, "grids are looked at, too");
    // What could not be read is tried again in its turn.
    world.b.state.lock().unwrap().garbled.clear();
    seconds(3600).await;
    assert!(on_a("Вера"), "{:?}", world.times(&world.a));
    // What comes later is seen.
    world.b.book("boris", at(15, 0), 60, "Павел");
    seconds(120).await;
    assert_eq!(world.a.live().len(), 3);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_a_time_at_which_a_create_may_have_landed_goes_on_when_that_is_known() {
    let world = World::listing();
    let running = world.start().await;
    let [vera, olya] = [(9, "Вера"), (11, "Оля")]
        .map(|(hour, client)| world.a.book("anna", at(hour, 0), 60, client));
    world.b.fault("create", Fault::LostBefore);
    world.webhook(&world.a, vera.as_str()).await;
    running.hint(&world.a);
    moment().await;
    // They move one after the other, so that nothing else brings the second one up again.
    world.a.move_to(&vera, at(14, 0));
    world.webhook(&world.a, vera.as_str()).await;
    world.a.move_to(&olya, at(9, 0));
    world.webhook(&world.a, olya.as_str()).await;
    running.hint(&world.a);
    moment().await;
    assert_eq!(world.b.live(), [], "nobody knows what stands there");
    seconds(30).await;
    assert_eq!(world.times(&world.a), world.times(&world.b));
    assert_eq!(world.b.live().len(), 2);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_booking_that_frees_a_time_lets_the_one_that_waited_for_it_in() {
    let world = World::listing();
    let running = world.start().await;
    let first = world.a.book("anna", at(9, 0), 60, "Дарья");
    let second = world.b.book("anna", at(9, 30), 60, "Павел");
    seconds(3).await;
    assert_eq!(
        (world.a.live().len(), world.b.live().len()),
        (1, 1),
        "a double booking is not doubled again"
    );
    world.a.cancel(&first);
    world.webhook(&world.a, first.as_str()).await;
    running.hint(&world.a);
    moment().await;
    assert_eq!(world.times(&world.a), world.times(&world.b));
    assert_eq!(world.b.live()[0].id, second);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_watches_and_writes_nothing() {
    let world = World::listing();
    let running = world.start_with(world.setup(&[]), Mode::DryRun).await;
    world.a.book("anna", at(9, 0), 60, "Дарья");
    seconds(3600).await;
    assert_eq!(world.a.writes() + world.b.writes(), 0);
    let planned = running.heard.count(|event| {
        matches!(event, Event::Ran { report, dry_run: true, .. } if !report.operations.is_empty())
    });
    assert!(planned > 0);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn another_config_is_used_once_what_goes_by_the_old_one_is_over() {
    let world = World::listing();
    let running = world.start().await;
    let mut setup = world.setup(&[]);
    setup.bridges[0].members[1].direction = Direction::From;
    let reload = |setup| Reload(Box::pin(std::future::ready(setup)));
    running.reload.send(reload(Some(setup))).await.unwrap();
    moment().await;
    world.a.book("anna", at(9, 0), 60, "Дарья");
    seconds(60).await;
    assert_eq!(world.b.writes(), 0);
    // One that comes to nothing changes nothing.
    running.reload.send(reload(None)).await.unwrap();
    seconds(60).await;
    assert_eq!(world.b.writes(), 0);
    let setup = world.setup(&[]);
    running.reload.send(reload(Some(setup))).await.unwrap();
    seconds(60).await;
    assert_eq!(world.times(&world.a), world.times(&world.b));
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn quiet_looks_write_nothing_to_the_database_but_once_a_minute() {
    let world = World::listing();
    world.a.book("anna", at(9, 0), 60, "Дарья");
    let running = world.start().await;
    seconds(120).await;
    let commits = world.store.commits();
    seconds(600).await;
    let made = world.store.commits() - commits;
    assert!((10..=60).contains(&made), "{made}");
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn edits_on_both_sides_at_once_are_merged_and_a_conflict_is_told() {
    let world = World::listing();
    let running = world.start().await;
    let id = world.a.book("anna", at(9, 0), 60, "Дарья");
    world.webhook(&world.a, id.as_str()).await;
    running.hint(&world.a);
    moment().await;
    let copy = live_id(&world.b);
    world.a.move_to(&id, at(11, 0));
    world
        .b
        .person(&copy, |record| record.comment = Private::new("окно"));
    world.webhook(&world.a, id.as_str()).await;
    running.hint(&world.a);
    moment().await;
    seconds(30).await;
    assert_eq!(world.a.live()[0].comment.expose(), "окно");
    assert_eq!(
        (world.a.live()[0].start, world.b.live()[0].start),
        (at(11, 0), at(11, 0))
    );
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn looks_and_runs_are_told_with_their_reasons() {
    let world = World::listing();
    let running = world.start().await;
    let looked = |kind: LookKind| {
        running
            .heard
            .count(|event| matches!(event, Event::Looked { look, .. } if *look == kind))
    };
    let ran = |wanted: RunCause| {
        running
            .heard
            .count(|event| matches!(event, Event::Ran { cause, .. } if *cause == wanted))
    };
    assert_eq!((looked(LookKind::Sweep), ran(RunCause::Swept)), (2, 1));
    let id = world.a.book("anna", at(9, 0), 60, "Дарья");
    world.webhook(&world.a, id.as_str()).await;
    running.hint(&world.a);
    moment().await;
    assert_eq!((looked(LookKind::Hint), ran(RunCause::Hinted)), (1, 1));
    assert!(running.handle.health().turns > 3);
    running.stop().await;
}

// R36
#[tokio::test(start_paused = true)]
async fn a_client_who_books_now_does_not_wait_behind_a_backfill() {
    let world = World::listing();
    for hour in 0..200 {
        world
            .a
            .book("anna", at(hour, 0), 30, &format!("Клиент {hour}"));
    }
    world.b.state.lock().unwrap().write_takes = Duration::from_secs(5);
    let running = world.start().await;
    seconds(60).await;
    let before = world.b.calls("create");
    assert!((5..20).contains(&before), "{before}");
    let id = world.a.book("boris", at(190, 0), 30, "Дарья");
    world.webhook(&world.a, id.as_str()).await;
    running.hint(&world.a);
    // The write that is under way, and its own.
    seconds(11).await;
    let boris = |platform: &Fake| {
        platform
            .live()
            .iter()
            .any(|record| record.resource.as_str() == "boris")
    };
    assert!(boris(&world.b));
    assert!(world.b.calls("create") <= before + 3);
    seconds(1_100).await;
    assert_eq!(world.times(&world.a), world.times(&world.b));
    assert_eq!(world.b.calls("create"), 201);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_approval_lets_the_rest_go_that_one_run_too_many_had_left() {
    let mut world = World::listing();
    world.bridge.limits.removals_max = 2;
    let running = world.start().await;
    let mut ids = Vec::new();
    for hour in 8..12 {
        let id = world.a.book("anna", at(hour, 0), 60, &format!("К{hour}"));
        world.webhook(&world.a, id.as_str()).await;
        ids.push(id);
    }
    running.hint(&world.a);
    moment().await;
    assert_eq!(world.b.live().len(), 4);
    for id in &ids[..2] {
        world.a.cancel(id);
        world.webhook(&world.a, id.as_str()).await;
    }
    running.hint(&world.a);
    moment().await;
    world.a.cancel(&ids[2]);
    world.webhook(&world.a, ids[2].as_str()).await;
    running.hint(&world.a);
    moment().await;
    assert_eq!(world.b.live().len(), 2);
    world.approve().await;
    // A client books in the same moment, for whom the run that was approved gives way; the approval stands meanwhile.
    let id = world.a.book("boris", at(9, 0), 60, "Дарья");
    world.webhook(&world.a, id.as_str()).await;
    running.handle.ask(Request::Sweep {
        bridge: Some(world.bridge.name.clone()),
        asked: true,
    });
    running.hint(&world.a);
    moment().await;
    assert_eq!(world.times(&world.a), world.times(&world.b));
    assert_eq!(world.b.live().len(), 2);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_an_approved_run_left_when_it_gave_way_is_still_approved() {
    let mut world = World::listing();
    world.bridge.limits.removals_max = 2;
    let running = world.start().await;
    let mut ids = Vec::new();
    for hour in 8..13 {
        let id = world.a.book("anna", at(hour, 0), 60, &format!("К{hour}"));
        world.webhook(&world.a, id.as_str()).await;
        ids.push(id);
    }
    running.hint(&world.a);
    moment().await;
    for id in &ids {
        world.a.cancel(id);
        world.webhook(&world.a, id.as_str()).await;
    }
    running.hint(&world.a);
    moment().await;
    assert_eq!(world.b.live().len(), 5);
    world.b.state.lock().unwrap().write_takes = Duration::from_secs(5);
    world.approve().await;
    running.handle.ask(Request::Sweep {
        bridge: Some(world.bridge.name.clone()),
        asked: true,
    });
    seconds(8).await;
    let left = world.b.live().len();
    assert!((2..5).contains(&left), "{left}");
    // A client books, for whom the run gives way.
    let id = world.a.book("boris", at(9, 0), 60, "Дарья");
    world.webhook(&world.a, id.as_str()).await;
    running.hint(&world.a);
    seconds(60).await;
    assert_eq!(world.times(&world.a), world.times(&world.b));
    assert_eq!(world.b.live().len(), 1);
    // With that the approval is used up.
    assert_eq!(world.store.guards(&world.bridge.name).await.unwrap(), []);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_was_on_its_way_while_we_removed_the_record_brings_nothing_back() {
    let world = World::listing();
    let running = world.start().await;
    let a = world.a.book("anna", at(9, 0), 60, "Дарья");
    world.webhook(&world.a, a.as_str()).await;
    running.hint(&world.a);
    moment().await;
    // The copy is read, and the answer is slow; meanwhile the original is cancelled.
    let b = live_id(&world.b);
    world.b.state.lock().unwrap().read_takes = Duration::from_secs(20);
    world.webhook(&world.b, b.as_str()).await;
    running.hint(&world.b);
    seconds(5).await;
    world.a.cancel(&a);
    world.webhook(&world.a, a.as_str()).await;
    running.hint(&world.a);
    seconds(5).await;
    assert_eq!(world.b.live().len(), 0, "the cancellation has arrived");
    seconds(300).await;
    assert_eq!((world.a.live().len(), world.b.live().len()), (0, 0));
    assert_eq!(world.a.calls("create"), 0, "not even for a moment");
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_listing_whose_absent_records_are_still_read_brings_nothing_back() {
    let world = World::listing();
    // The platform is listed every few minutes.
    let slow = Quota {
        calls: 1,
        per: Duration::from_mins(2),
    };
    let running = world.start_with(world.setup(&[slow]), Mode::Apply).await;
    let stays = world.a.book("anna", at(9, 0), 60, "Дарья");
    let leaves = world.a.book("anna", at(12, 0), 60, "Вера");
    seconds(900).await;
    assert_eq!(world.b.live().len(), 2);
    // One look lists a change of the first, and misses the second, which it reads for long.
    world.a.person(&stays, |record| {
        record.comment = Private::new("код 12");
    });
    {
        let mut state = world.a.state.lock().unwrap();
        state.records.remove(&leaves);
        // No stamp tells which word is the older one.
        state.records.get_mut(&stays).unwrap().changed_at = None;
        state.read_takes = Duration::from_secs(30);
    }
    let reads = world.a.calls("read");
    for _ in 0..600 {
        if world.a.calls("read") > reads {
            break;
        }
        seconds(1).await;
    }
    assert!(world.a.calls("read") > reads, "it is missed");
    // Meanwhile the first is cancelled, and that is known at once.
    world.a.state.lock().unwrap().read_takes = Duration::ZERO;
    world.a.cancel(&stays);
    {
        let mut state = world.a.state.lock().unwrap();
        state.records.get_mut(&stays).unwrap().changed_at = None;
    }
    world.webhook(&world.a, stays.as_str()).await;
    running.hint(&world.a);
    seconds(10).await;
    assert_eq!(world.b.live().len(), 1, "the cancellation has arrived");
    seconds(900).await;
    assert_eq!((world.a.live().len(), world.b.live().len()), (0, 0));
    assert_eq!(world.b.calls("create"), 2, "not even for a moment");
    running.stop().await;
}

/// Both platforms' people edit one booking, and only one edit is told of; the other is found, or cannot be looked for at
/// first, right before it would be overwritten.
async fn edited_unseen(look_fails: bool) {
    let world = World::with_grid();
    // A record is read again only every few minutes.
    let slow = Quota {
        calls: 1,
        per: Duration::from_mins(2),
    };
    let running = world.start_with(world.setup(&[slow]), Mode::Apply).await;
    let a = world.a.book("anna", at(9, 0), 60, "Дарья");
    world.webhook(&world.a, a.as_str()).await;
    running.hint(&world.a);
    seconds(60).await;
    let b = live_id(&world.b);
    let write = |platform: &Fake, id: &RemoteId, comment: &str| {
        platform.person(id, |record| {
            record.comment = Private::new(comment);
        });
    };
    seconds(600).await;
    write(&world.b, &b, "код 12");
    write(&world.a, &a, "звонить");
    if look_fails {
        world.b.fault("read", Fault::Down);
    }
    world.webhook(&world.a, a.as_str()).await;
    running.hint(&world.a);
    seconds(60).await;
    running.stop().await;
    let told = world
        .store
        .conflicts_decided(&world.bridge.name, Timestamp::MIN)
        .await
        .unwrap();
    assert_eq!(told.len(), 1, "who lost was told of");
    assert_eq!(only(&world.a.live()).comment, only(&world.b.live()).comment);
}

#[tokio::test(start_paused = true)]
async fn a_time_that_was_just_left_is_not_taken_for_another_booking_before_the_grid_was_read_again()
{
    let world = World::with_grid();
    // Grids and records are read in turn, one in two minutes.
    let slow = Quota {
        calls: 1,
        per: Duration::from_mins(2),
    };
    let running = world.start_with(world.setup(&[slow]), Mode::Apply).await;
    let book = async |start, minutes, client| {
        let id = world.a.book("anna", start, minutes, client);
        world.webhook(&world.a, id.as_str()).await;
        running.hint(&world.a);
        seconds(60).await;
    };
    book(at(9, 0), 120, "Дарья").await;
    seconds(600).await;
    // Two people take one time; the first has it on both platforms.
    book(at(10, 0), 60, "Вера").await;
    let b = live_id(&world.b);
    world.b.cancel(&b);
    world.webhook(&world.b, b.as_str()).await;
    running.hint(&world.b);
    seconds(600).await;
    running.stop().await;
    assert_eq!(only(&world.b.live()).client.name.expose(), "Вера");
    assert_eq!(world.times(&world.a), world.times(&world.b));
}

#[tokio::test(start_paused = true)]
async fn an_edit_whose_webhook_got_lost_is_not_overwritten_where_nothing_is_listed() {
    edited_unseen(false).await;
}

#[tokio::test(start_paused = true)]
async fn nothing_is_written_over_a_record_that_could_not_be_looked_at_first() {
    edited_unseen(true).await;
}
