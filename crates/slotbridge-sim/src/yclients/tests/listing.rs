//! The listing, the catalogues, and who may see them.

use serde_json::{Value, json};

use super::{ACCEPT, TOKENS, branch, branch_in, created, form, get, with};
use crate::person::{Booking, Hand, Inspect};
use crate::testing::{at, call};
use crate::yclients::{AuthReply, Rights, UnauthorizedForm, YclientsSim};

fn ids(data: &Value) -> Vec<u64> {
    data.as_array()
        .unwrap()
        .iter()
        .map(|row| row["id"].as_u64().unwrap())
        .collect()
}

async fn listed(sim: &YclientsSim, query: &str) -> Vec<u64> {
    let answer = get(sim, &format!("/records/7001?{query}")).await;
    assert_eq!(answer.status, 200, "{query}: {}", answer.text);
    ids(&answer.data())
}

#[tokio::test(start_paused = true)]
async fn pages_go_by_the_appointment_and_a_larger_count_is_cut_silently() {
    let sim = branch();
    let start = at("2031-05-20T07:00:00Z");
    let mut booked: Vec<u64> = (0..7_i64)
        .map(|n| {
            sim.book(&Booking::new(
                310,
                42,
                start - jiff::SignedDuration::from_hours(24 * n),
                60,
            ))
        })
        .collect();
    booked.reverse();
    sim.configure(|options| options.page_max = 3);
    let first = get(&sim, "/records/7001?count=1000&page=1").await;
    assert_eq!(first.json()["meta"], json!({"page": 1, "total_count": 7}));
    assert_eq!(ids(&first.data()), booked[0..3]);
    assert_eq!(listed(&sim, "count=1000&page=2").await, booked[3..6]);
    assert_eq!(listed(&sim, "count=2&page=4").await, booked[6..7]);
    assert_eq!(listed(&sim, "count=2&page=5").await, [0_u64; 0]);
    assert_eq!(listed(&sim, "").await.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn filters_are_anded_and_unknown_ones_ignored() {
    let sim = branch();
    let one = sim.book(&Booking::new(310, 42, at("2031-05-07T07:00:00Z"), 60));
    let two = sim.book(&Booking::new(311, 42, at("2031-05-07T08:00:00Z"), 60));
    let three = sim.book(&Booking::new(310, 42, at("2031-05-09T07:00:00Z"), 60));
    assert_eq!(listed(&sim, "staff_id=310&nonsense=1").await, [one, three]);
    assert_eq!(
        listed(&sim, "staff_id=310&start_date=2031-05-08").await,
        [three]
    );
    assert_eq!(
        listed(&sim, "start_date=2031-05-07&end_date=2031-05-07").await,
        [one, two]
    );
    assert_eq!(listed(&sim, "created_user_id=9001").await, [0_u64; 0]);
    let by_api = created(&sim, &form("2031-05-11 10:00:00")).await;
    assert_eq!(listed(&sim, "created_user_id=9001").await, [by_api]);
    for bad in [
        "start_date=07.05.2031",
        "staff_id=x",
        "changed_after=yesterday",
        "changed_after=2031-05-06T10:00:00+03:00",
    ] {
        let answer = get(&sim, &format!("/records/7001?{bad}")).await;
        // A bare plus in a query is a blank.
        assert_eq!(answer.status, 400, "{bad}");
    }
}

#[tokio::test(start_paused = true)]
async fn days_are_those_of_the_branch() {
    let sim = branch_in("Asia/Vladivostok");
    // 23:30 on the 7th in Vladivostok, the afternoon in Greenwich.
    let late = sim.book(&Booking::new(310, 42, at("2031-05-07T13:30:00Z"), 60));
    let early = sim.book(&Booking::new(310, 42, at("2031-05-07T14:30:00Z"), 60));
    assert_eq!(listed(&sim, "end_date=2031-05-07").await, [late]);
    assert_eq!(listed(&sim, "start_date=2031-05-08").await, [early]);
}

#[tokio::test(start_paused = true)]
async fn changed_after_is_inclusive_and_local_unless_it_has_an_offset() {
    let sim = branch();
    let old = sim.book(&Booking::new(310, 42, at("2031-05-07T07:00:00Z"), 60));
    tokio::time::advance(std::time::Duration::from_millis(60_700)).await;
    let new = sim.book(&Booking::new(310, 42, at("2031-05-07T08:00:00Z"), 60));
    sim.cancel(old).unwrap();
    for exact in [
        "2031-05-06T10:01:00",
        "2031-05-06%2010:01:00",
        "2031-05-06T10:01:00%2B03:00",
        "2031-05-06T07:01:00Z",
    ] {
        let found = listed(&sim, &format!("changed_after={exact}")).await;
        assert_eq!(found, [new], "{exact}");
        let found = listed(&sim, &format!("changed_after={exact}&with_deleted=1")).await;
        assert_eq!(found, [old, new], "{exact}");
    }
    assert_eq!(
        listed(&sim, "changed_after=2031-05-06T10:01:01&with_deleted=1").await,
        [0_u64; 0]
    );
    assert_eq!(listed(&sim, "changed_after=2031-05-06").await, [new]);
    assert_eq!(
        listed(&sim, "changed_before=2031-05-06T10:00:59&with_deleted=1").await,
        [0_u64; 0]
    );
    assert_eq!(
        listed(&sim, "changed_after=2031-05-06&start_date=2031-05-08").await,
        [0_u64; 0]
    );
}

#[tokio::test(start_paused = true)]
async fn headers_and_tokens_are_demanded() {
    let sim = branch();
    let router = sim.router();
    let path = "/api/v1/records/7001";
    let partner = ("authorization", "Bearer demo-partner-token");
    for (headers, status) in [
        (vec![ACCEPT, TOKENS], 200),
        (vec![TOKENS], 400),
        (vec![("accept", "*/*"), TOKENS], 400),
        (vec![("accept", "application/vnd.api.v2+json"), TOKENS], 200),
        (vec![ACCEPT], 401),
        (vec![ACCEPT, partner], 401),
        (
            vec![
                ACCEPT,
                ("authorization", "Bearer demo-partner-token, User x"),
            ],
            401,
        ),
        (
            vec![ACCEPT, ("authorization", "Bearer x, User demo-user-token")],
            401,
        ),
    ] {
        assert_eq!(
            call(&router, "GET", path, &headers, &Value::Null)
                .await
                .status,
            status,
            "{headers:?}"
        );
    }
    let company = call(
        &router,
        "GET",
        "/api/v1/company/7001/",
        &[ACCEPT, partner],
        &Value::Null,
    )
    .await;
    assert_eq!(company.data()["timezone_name"], "Europe/Moscow");
    let company = call(
        &router,
        "GET",
        "/api/v1/company/7001",
        &[ACCEPT],
        &Value::Null,
    )
    .await;
    assert_eq!(
        (company.status, &company.json()["errors"]["code"]),
        (401, &json!(401))
    );
    assert_eq!(company.json().get("success"), None);
    for (form, data, errors) in [
        (UnauthorizedForm::Standard, true, false),
        (UnauthorizedForm::WithoutData, false, false),
        (UnauthorizedForm::Errors, false, true),
    ] {
        sim.configure(|options| options.unauthorized = form);
        let body = call(&router, "GET", path, &[ACCEPT], &Value::Null)
            .await
            .json();
        assert_eq!(
            (body.get("data").is_some(), body.get("errors").is_some()),
            (data, errors)
        );
        assert_eq!(body["meta"]["message"], "Необходима авторизация");
    }
}

#[tokio::test(start_paused = true)]
async fn another_branch_and_another_path_are_not_found() {
    let sim = branch();
    for path in [
        "/records/7002",
        "/record/7002/1",
        "/record/7001/1",
        "/company/7002/",
        "/company/7002/staff/",
        "/user/permissions/7002",
        "/nothing",
        "/company/7001/staff/99",
    ] {
        assert_eq!(get(&sim, path).await.status, 404, "{path}");
    }
    assert_eq!(
        get(&sim, "/records/7002").await.json()["meta"]["message"],
        "Филиал не найден."
    );
}

#[tokio::test(start_paused = true)]
async fn rights_and_the_licence_are_refused_in_their_own_ways() {
    let sim = branch();
    let body = with(
        form("2031-05-07 10:30:00"),
        &json!({"client": {"phone": "79000000002", "email": "a@example.com"}}),
    );
    let id = created(&sim, &body).await;
    let path = format!("/record/7001/{id}");
    let right = |change: fn(&mut Rights)| {
        sim.configure(|options| {
            options.rights = Rights::default();
            change(&mut options.rights);
        });
    };
    right(|rights| rights.phones = false);
    let client = get(&sim, &path).await.data()["client"].clone();
    assert_eq!(
        (&client["phone"], &client["email"]),
        (&json!(""), &json!(""))
    );
    let permissions = get(&sim, "/user/permissions/7001").await.data();
    assert_eq!(permissions["timetable"]["timetable_phones_access"], false);
    assert_eq!(permissions["timetable"]["edit_records_access"], true);
    right(|rights| rights.delete = false);
    assert_eq!(
        super::ask(&sim, "DELETE", &path, &Value::Null).await.status,
        403
    );
    right(|rights| rights.edit = false);
    assert_eq!(super::ask(&sim, "PUT", &path, &body).await.status, 403);
    right(|rights| rights.create = false);
    assert_eq!(
        super::ask(&sim, "POST", "/records/7001", &body)
            .await
            .status,
        403
    );
    right(|rights| rights.timetable = false);
    assert_eq!(get(&sim, "/records/7001").await.status, 403);
    assert_eq!(get(&sim, "/company/7001/staff/").await.status, 200);
    sim.configure(|options| options.licence_expired = true);
    let expired = get(&sim, "/records/7001").await;
    assert_eq!(expired.status, 402);
    assert!(expired.text.contains("лицензию"));
    assert_eq!(sim.live().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_catalogues_list_what_there_is() {
    let sim = branch();
    sim.fire_staff(311);
    assert_eq!(ids(&get(&sim, "/companies?my=1").await.data()), [7001]);
    for path in ["/company/7001/staff/", "/staff/7001"] {
        let staff = get(&sim, path).await;
        assert_eq!(ids(&staff.data()), [310, 311]);
        assert_eq!(
            (&staff.data()[0]["fired"], &staff.data()[1]["fired"]),
            (&json!(0), &json!(1))
        );
        assert_eq!(staff.json()["meta"]["total_count"], 2);
    }
    assert_eq!(
        ids(&get(&sim, "/company/7001/staff/311").await.data()),
        [311]
    );
    let services = get(&sim, "/company/7001/services").await.data();
    assert_eq!(ids(&services), [42, 43]);
    assert_eq!(services[0]["duration"], 3600);
    assert_eq!(
        services[0]["staff"],
        json!([{"id": 310, "seance_length": 3600}])
    );
    assert_eq!(ids(&get(&sim, "/services/7001/43").await.data()), [43]);
}

#[tokio::test(start_paused = true)]
async fn a_token_is_given_in_one_step_or_two() {
    let sim = branch();
    let partner = ("authorization", "Bearer demo-partner-token");
    let router = sim.router();
    let auth =
        async |body: Value| call(&router, "POST", "/api/v1/auth", &[ACCEPT, partner], &body).await;
    let login = json!({"login": "sync@example.com", "password": "demo-password"});
    let answer = auth(login.clone()).await;
    assert_eq!(
        (answer.status, &answer.json()["user_token"]),
        (201, &json!("demo-user-token"))
    );
    assert_eq!(
        auth(with(login.clone(), &json!({"password": "x"})))
            .await
            .status,
        401
    );
    sim.configure(|options| {
        options.auth_reply = AuthReply::InData;
        options.auth_status = 200;
        options.second_factor = Some("1234".to_owned());
    });
    let answer = auth(login.clone()).await;
    assert_eq!(
        (answer.status, answer.data().get("user_token")),
        (200, None)
    );
    let uuid = answer.data()["uuid"].clone();
    assert!(uuid.is_string());
    for (code, status) in [("1234", 200), ("4321", 401)] {
        let second = with(
            login.clone(),
            &json!({"2fa": {"uuid": uuid, "secret": code}}),
        );
        let answer = auth(second).await;
        assert_eq!(answer.status, status);
        assert_eq!(
            answer.data()["user_token"].as_str(),
            (status == 200).then_some("demo-user-token")
        );
    }
}
