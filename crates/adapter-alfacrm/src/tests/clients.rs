//! Whose card a booking gets: found wherever it is, made only where there is none, changed only for its own client.

use std::collections::BTreeSet;

use slotbridge_core::model::{Client, Field, Kind, Private};
use slotbridge_core::record::Reading;
use slotbridge_platform::platform::{Draft, Edit, Priority};
use slotbridge_platform::{Contacts, ErrorKind, Platform as _, Retry};
use slotbridge_sim::alfacrm::{Card, Options};
use slotbridge_sim::{Fault, Inspect as _, Which};

use super::bench::SimBench;
use super::support::{client, draft, moscow, sink};

async fn create(bench: &SimBench, client: Client) -> slotbridge_core::record::Record {
    let written = bench
        .platform
        .create(&Draft {
            client,
            force: true,
            ..draft()
        })
        .await
        .unwrap();
    let Reading::Found(record) = bench
        .platform
        .read(&written.id, Priority::Hint)
        .await
        .unwrap()
    else {
        panic!("{} is not there", written.id)
    };
    *record
}

fn cards(bench: &SimBench) -> Vec<(String, Vec<String>)> {
    bench
        .sim
        .customers()
        .into_iter()
        .map(|card| (card.name, card.phones))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_card_is_found_in_every_spelling_and_corner_before_one_is_made() {
    let with_email = Card {
        emails: vec!["Proba@Example.com".to_owned()],
        ..Card::new("Проба Пера", "")
    };
    let corners = [
        Card::new("Проба Пера", "+79000000003"),
        Card::new("Проба Пера", "8 (900) 000-00-03"),
        Card::new("Совсем Другое Имя", "+7(900)000-00-03"),
        Card {
            study: false,
            ..Card::new("Проба Пера", "+79000000003")
        },
        Card {
            archived: true,
            ..Card::new("Проба Пера", "+79000000003")
        },
        Card {
            study: false,
            archived: true,
            ..Card::new("Проба Пера", "+79000000003")
        },
        Card {
            phones: vec!["+79000000111".to_owned(), "89000000003".to_owned()],
            ..Card::new("Проба", "")
        },
        with_email.clone(),
        Card {
            study: false,
            ..with_email
        },
    ];
    for card in corners {
        for formatted_phones in [false, true] {
            let options = Options {
                formatted_phones,
                ..Options::default()
            };
            let bench = SimBench::in_process(&moscow(), Contacts::Real, &options);
            let before = bench.sim.add_customer(&card);
            let record = create(&bench, draft().client).await;
            assert_eq!(record.client.name.expose(), card.name, "{card:?}");
            let after = bench.sim.customers();
            assert_eq!(after.len(), 1, "{card:?} was not found");
            assert_eq!(
                (after[0].id, &after[0].phones),
                (before, &card.phones),
                "the card was changed"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_card_is_made_where_none_is_the_clients() {
    let bench = SimBench::usual();
    // Contains the digits, but is another number; holds the address in another's.
    bench.sim.add_customer(&Card::new("Чужой", "+790000000031"));
    bench.sim.add_customer(&Card {
        emails: vec!["not-proba@example.com".to_owned()],
        ..Card::new("Не Он", "")
    });
    bench
        .sim
        .add_customer_elsewhere(&Card::new("Проба Пера", "+79000000003"));
    let record = create(&bench, draft().client).await;
    assert_eq!(record.client, draft().client);
    let made = bench.sim.customers().pop().unwrap();
    assert_eq!(
        (made.name.as_str(), made.study, made.archived),
        ("Проба Пера", true, false)
    );
    assert_eq!(made.phones, ["+79000000003"]);
    assert_eq!(made.emails, ["proba@example.com"]);
    create(&bench, draft().client).await;
    assert_eq!(bench.sim.count("customer.create"), 1);
}

#[tokio::test(start_paused = true)]
async fn of_a_familys_cards_the_one_with_the_name_counts() {
    let bench = SimBench::usual();
    for name in ["Мама Пробная", "Пробный П.", "Проба Пера"] {
        bench.sim.add_customer(&Card::new(name, "+79000000003"));
    }
    let name_of = async |name: &str| {
        create(&bench, client(name, "+79000000003", ""))
            .await
            .client
            .name
            .expose()
            .to_owned()
    };
    assert_eq!(name_of("проба  ПЕРА").await, "Проба Пера");
    assert_eq!(name_of("Пробный Пётр").await, "Пробный П.");
    assert_eq!(name_of("Кто-то Третий").await, "Мама Пробная");
    assert_eq!(bench.sim.customers().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn two_bookings_of_one_new_client_at_once_make_one_card() {
    let bench = SimBench::usual();
    let booked = || create(&bench, draft().client);
    let records = tokio::join!(booked(), booked(), booked());
    assert_eq!(records.0.client, records.2.client);
    assert_eq!(bench.sim.customers().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_client_without_contacts_gets_a_card_of_that_name_without_contacts() {
    let bench = SimBench::usual();
    bench
        .sim
        .add_customer(&Card::new("Проба Пера", "+79000000044"));
    for _ in 0..2 {
        let record = create(&bench, client("Проба Пера", "", "")).await;
        assert_eq!(record.client, client("Проба Пера", "", ""));
    }
    assert_eq!(bench.sim.customers().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_client_without_a_name_comes_back_without_one() {
    let bench = SimBench::usual();
    for nameless in [
        client("", "+79000000003", ""),
        client("", "", "x@example.com"),
        client(" ", "", ""),
    ] {
        let record = create(&bench, nameless.clone()).await;
        assert!(record.client.name.is_blank(), "{:?}", cards(&bench));
        assert_eq!(
            (record.client.phone, record.client.email),
            (nameless.phone, nameless.email)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_card_whose_making_had_an_unknown_fate_leaves_no_doubt_about_the_lesson() {
    for fault in [
        Fault::ReplyLost,
        Fault::ErrorAfter { status: 502 },
        Fault::Garbage,
        Fault::DropBefore,
    ] {
        let bench = SimBench::usual();
        bench
            .sim
            .faults()
            .add("lost", "customer.create", Which::Nth(1), fault.clone());
        let error = bench.platform.create(&draft()).await.unwrap_err();
        assert_eq!(error.retry, Retry::Later, "{fault:?}: {error}");
        assert_eq!(bench.sim.count("lesson.create"), 0);
        bench.platform.create(&draft()).await.unwrap();
        assert_eq!(
            (bench.sim.customers().len(), bench.sim.all().len()),
            (1, 1),
            "{fault:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_search_that_is_not_whole_makes_no_card() {
    let bench = SimBench::usual();
    for _ in 0..3 {
        bench
            .sim
            .add_customer(&Card::new("Проба Пера", "+79000000003"));
    }
    bench.sim.faults().add(
        "empty",
        "customer.index",
        Which::Every,
        Fault::ListingCut { keep: 0 },
    );
    let error = bench.platform.create(&draft()).await.unwrap_err();
    assert_eq!(
        (error.kind, error.retry),
        (ErrorKind::BadReply, Retry::Later)
    );
    assert_eq!(
        (
            bench.sim.count("customer.create"),
            bench.sim.count("lesson.create")
        ),
        (0, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn no_card_is_made_for_a_time_that_is_taken() {
    let bench = SimBench::usual();
    create(&bench, client("Первый", "+79000000001", "")).await;
    let error = bench.platform.create(&draft()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::SlotTaken);
    assert_eq!(bench.sim.customers().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_sinks_cards_hold_its_contacts_and_are_told_apart_by_name() {
    let bench = SimBench::in_process(&moscow(), sink(), &Options::default());
    for name in ["Первый Клиент", "Второй Клиент", "Первый Клиент"]
    {
        let record = create(&bench, client(name, "+79000000003", "real@example.com")).await;
        assert_eq!(record.client, client(name, "", ""));
    }
    let block = Draft {
        kind: Kind::Block,
        client: Client::default(),
        force: true,
        ..draft()
    };
    bench.platform.create(&block).await.unwrap();
    let all = bench.sim.customers();
    let names: Vec<_> = all.iter().map(|card| card.name.as_str()).collect();
    assert_eq!(names, ["Первый Клиент", "Второй Клиент", "Занято"]);
    for card in all {
        assert_eq!(
            (card.phones, card.emails),
            (
                vec!["+79000000099".to_owned()],
                vec!["sink@example.com".to_owned()]
            )
        );
    }
}

#[tokio::test(start_paused = true)]
async fn all_blocks_share_one_placeholder() {
    let bench = SimBench::usual();
    let block = Draft {
        kind: Kind::Block,
        client: Client::default(),
        comment: Private::default(),
        services: Vec::new(),
        force: true,
        ..draft()
    };
    for _ in 0..2 {
        let written = bench.platform.create(&block).await.unwrap();
        let Ok(Reading::Found(record)) = bench.platform.read(&written.id, Priority::Hint).await
        else {
            panic!()
        };
        assert!(record.is_block && record.client == Client::default());
    }
    assert_eq!(cards(&bench), [("Занято".to_owned(), Vec::new())]);
}

/// Changes the client of a lesson whose card is the given one, and gives what reads back.
async fn changed(card: &Card, desired: Client, fields: &[Field]) -> (SimBench, Client) {
    let bench = SimBench::usual();
    bench.sim.add_customer(card);
    let record = create(&bench, draft().client).await;
    let edit = Edit {
        desired: Draft {
            client: desired,
            ..draft()
        },
        fields: fields.iter().copied().collect::<BTreeSet<_>>(),
        expected: Some(Box::new(record.clone())),
    };
    bench.platform.update(&record.id, &edit).await.unwrap();
    let Ok(Reading::Found(read)) = bench.platform.read(&record.id, Priority::Hint).await else {
        panic!()
    };
    (bench, read.client)
}

#[tokio::test(start_paused = true)]
async fn a_card_that_a_person_changed_a_moment_ago_is_not_written_over() {
    let bench = SimBench::usual();
    let customer = bench.sim.add_customer(&usual_card());
    let record = create(&bench, draft().client).await;
    bench.sim.rename_customer(customer, "Проба Иная");
    let edit = Edit {
        desired: Draft {
            client: client("Проба Пера", "+79000000088", "proba@example.com"),
            ..draft()
        },
        fields: BTreeSet::from([Field::ClientPhone]),
        expected: Some(Box::new(record.clone())),
    };
    let error = bench.platform.update(&record.id, &edit).await.unwrap_err();
    assert_eq!((error.kind, error.retry), (ErrorKind::Stale, Retry::Later));
    let as_it_was = vec!["8 900 000-00-03".to_owned()];
    assert_eq!(cards(&bench), [("Проба Иная".to_owned(), as_it_was)]);
}

fn usual_card() -> Card {
    Card {
        emails: vec!["proba@example.com".to_owned()],
        ..Card::new("Проба Пера", "8 900 000-00-03")
    }
}

#[tokio::test(start_paused = true)]
async fn a_corrected_client_corrects_the_card_and_keeps_its_old_contacts() {
    let (bench, shown) = changed(
        &usual_card(),
        client("Проба Иная", "+79000000003", "proba@example.com"),
        &[Field::ClientName],
    )
    .await;
    assert_eq!(shown.name.expose(), "Проба Иная");
    assert_eq!(
        cards(&bench),
        [("Проба Иная".to_owned(), vec!["8 900 000-00-03".to_owned()])]
    );

    let (bench, shown) = changed(
        &usual_card(),
        client("Проба Пера", "+79000000088", "proba@example.com"),
        &[Field::ClientPhone],
    )
    .await;
    assert_eq!(shown.phone.unwrap().expose(), "+79000000088");
    let phones = vec!["+79000000088".to_owned(), "8 900 000-00-03".to_owned()];
    assert_eq!(cards(&bench), [("Проба Пера".to_owned(), phones)]);
    assert_eq!(
        bench.sim.count("lesson.update"),
        0,
        "the lesson itself is the same"
    );

    let (bench, shown) = changed(
        &usual_card(),
        client("Проба Пера", "+79000000003", "new@example.com"),
        &[Field::ClientEmail],
    )
    .await;
    assert_eq!(shown.email.unwrap().expose(), "new@example.com");
    assert_eq!(
        bench.sim.customers()[0].emails,
        ["new@example.com", "proba@example.com"]
    );
}

#[tokio::test(start_paused = true)]
async fn another_client_gets_another_card_and_the_old_one_stays_as_it_was() {
    let everything = [Field::ClientName, Field::ClientPhone, Field::ClientEmail];
    let (bench, shown) = changed(
        &usual_card(),
        client("Кто Другой", "+79000000066", "other@example.com"),
        &everything,
    )
    .await;
    assert_eq!(
        shown,
        client("Кто Другой", "+79000000066", "other@example.com")
    );
    let all = bench.sim.customers();
    assert_eq!(all.len(), 2);
    assert_eq!(
        (all[0].name.as_str(), &all[0].phones),
        ("Проба Пера", &usual_card().phones)
    );
    assert_eq!(bench.sim.count("customer.update"), 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_known_elsewhere_wipes_nothing() {
    let everything = [Field::ClientName, Field::ClientPhone, Field::ClientEmail];
    let (bench, shown) = changed(&usual_card(), client("", "", ""), &everything).await;
    assert_eq!(shown, draft().client);
    assert_eq!(
        (
            bench.sim.count("customer.update"),
            bench.sim.count("customer.create")
        ),
        (0, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn a_known_clients_booking_is_three_calls_and_a_new_ones_seven() {
    let bench = SimBench::usual();
    let made = async |draft: Draft| -> Vec<&'static str> {
        let before = bench.sim.calls().len();
        bench.platform.create(&draft).await.unwrap();
        let calls = bench.sim.calls();
        calls[before..].iter().map(|call| call.method).collect()
    };
    let search = "customer.index";
    assert_eq!(
        made(draft()).await,
        [
            "auth.login",
            "lesson.index",
            search,
            search,
            search,
            search,
            "customer.create",
            "lesson.create"
        ]
    );
    let other_teacher = Draft {
        resource: slotbridge_core::model::ResourceKey::new("18"),
        ..draft()
    };
    assert_eq!(
        made(other_teacher).await,
        ["lesson.index", search, "lesson.create"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_lesson_keeps_its_client_when_the_card_is_not_shown() {
    let bench = SimBench::usual();
    let made = create(&bench, draft().client).await;
    // Until nobody remembers the card.
    tokio::time::sleep(std::time::Duration::from_hours(24)).await;
    let wanted = Client {
        phone: Some(Private::new("+79000000777")),
        ..draft().client
    };
    bench
        .sim
        .faults()
        .add("none", "customer.index", Which::Every, Fault::EmptyListing);
    let edit = Edit {
        desired: Draft {
            client: wanted,
            ..draft()
        },
        fields: BTreeSet::from([Field::ClientPhone]),
        expected: None,
    };
    let before = cards(&bench);
    let error = bench.platform.update(&made.id, &edit).await.unwrap_err();
    assert_eq!(
        (error.kind, error.retry),
        (ErrorKind::BadReply, Retry::Later)
    );
    assert_eq!(cards(&bench), before, "no card is made in its place");
}
