//! What systemd hears, on a real socket. The environment of a test process cannot be changed safely, so a test that
//! needs one starts itself again with it.

use std::os::unix::net::UnixDatagram;
use std::process::Command;

use super::*;

/// Runs one test of this file again in a process of its own.
fn again(test: &str, environment: &[(&str, &str)]) -> bool {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", &format!("systemd::tests::{test}")])
        .env_remove("NOTIFY_SOCKET")
        .env_remove("WATCHDOG_USEC")
        .env_remove("WATCHDOG_PID")
        .env_remove("EXPECTED_MILLIS")
        .env("SLOTBRIDGE_TEST_CHILD", "1")
        .envs(environment.iter().copied());
    let said = String::from_utf8(command.output().unwrap().stdout).unwrap();
    // A name without a test would pass as well.
    said.contains("1 passed")
}

fn is_child() -> bool {
    std::env::var_os("SLOTBRIDGE_TEST_CHILD").is_some()
}

fn say_everything() {
    let notifier = Notifier::from_env();
    notifier.ready("2 bridges");
    notifier.status("all in step\nREADY=0");
    notifier.reloading();
    notifier.alive();
    notifier.stopping();
}

#[test]
fn systemd_hears_every_notice_in_its_own_words() {
    if is_child() {
        return say_everything();
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_nonblocking(true).unwrap();
    assert!(again(
        "systemd_hears_every_notice_in_its_own_words",
        &[("NOTIFY_SOCKET", path.to_str().unwrap())]
    ));
    let mut heard = Vec::new();
    let mut buffer = [0; 1024];
    while let Ok(length) = socket.recv(&mut buffer) {
        let text = str::from_utf8(&buffer[..length]).unwrap();
        heard.push(text.lines().map(str::to_owned).collect::<Vec<_>>());
    }
    let [ready, status, reloading, alive, stopping] = heard.as_slice() else {
        panic!("{heard:?}");
    };
    assert_eq!(ready, &["READY=1", "STATUS=2 bridges"]);
    assert_eq!(status, &["STATUS=all in step READY=0"]);
    assert_eq!(reloading[0], "RELOADING=1");
    let time = reloading[1].strip_prefix("MONOTONIC_USEC=").unwrap();
    assert!(time.parse::<u64>().unwrap() > 0, "{time}");
    assert_eq!(alive, &["WATCHDOG=1"]);
    assert_eq!(stopping, &["STOPPING=1"]);
}

#[test]
fn where_nobody_listens_nothing_is_said_and_nothing_breaks() {
    if is_child() {
        return say_everything();
    }
    let test = "where_nobody_listens_nothing_is_said_and_nothing_breaks";
    assert!(again(test, &[]), "no socket is named");
    let gone = [("NOTIFY_SOCKET", "/nonexistent/notify")];
    assert!(again(test, &gone), "the socket is gone");
}

#[test]
fn signs_of_life_come_twice_as_often_as_the_watchdog_insists_on() {
    if is_child() {
        let expected = std::env::var("EXPECTED_MILLIS").unwrap().parse().ok();
        // Compared in here: only this process has the number that a watchdog for it would name.
        let every = Notifier::from_env().watchdog_every();
        assert_eq!(every, expected.map(Duration::from_millis));
        return;
    }
    for (environment, expected) in [
        (&[][..], "none"),
        (&[("WATCHDOG_USEC", "30000000")], "15000"),
        (&[("WATCHDOG_USEC", "0")], "none"),
        (&[("WATCHDOG_USEC", "soon")], "none"),
        // Process 1 is somebody else.
        (
            &[("WATCHDOG_USEC", "30000000"), ("WATCHDOG_PID", "1")],
            "none",
        ),
    ] {
        let more = [
            ("NOTIFY_SOCKET", "/run/notify"),
            ("EXPECTED_MILLIS", expected),
        ];
        let environment = [environment, &more].concat();
        assert!(
            again(
                "signs_of_life_come_twice_as_often_as_the_watchdog_insists_on",
                &environment
            ),
            "{environment:?}"
        );
    }
}

#[test]
fn a_stream_is_the_journals_when_device_and_inode_are_those_it_names() {
    let folder = tempfile::tempdir().unwrap();
    let file = File::create(folder.path().join("stream")).unwrap();
    let other = File::create(folder.path().join("other")).unwrap();
    let metadata = file.metadata().unwrap();
    let named = format!("{}:{}", metadata.dev(), metadata.ino());
    assert!(is_stream(file.as_fd(), &named));
    assert!(!is_stream(other.as_fd(), &named));
    for stream in ["", ":", "1", "x:y", "-1:2", "1:2:3"] {
        assert!(!is_stream(file.as_fd(), stream), "{stream:?}");
    }
    let other_device = format!("{}:{}", metadata.dev() + 1, metadata.ino());
    assert!(!is_stream(file.as_fd(), &other_device));
}
