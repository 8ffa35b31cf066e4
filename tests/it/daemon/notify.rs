//! What the daemon tells systemd: ready, status, signs of life, reload, stop.

use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::time::{Duration, Instant};

use super::process::Daemon;
use super::rig::{OFTEN, Rig};

/// Receives until a notice says this, for half a minute at most; gives that notice. The others are kept in order.
fn wait_for(socket: &UnixDatagram, wanted: &str, heard: &mut Vec<String>) -> String {
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(30) {
        let mut buffer = [0; 4096];
        let length = socket
            .recv(&mut buffer)
            .unwrap_or_else(|error| panic!("{wanted:?} did not come ({error}), but {heard:#?}"));
        let notice = String::from_utf8(buffer[..length].to_vec()).unwrap();
        heard.push(notice.clone());
        if notice.lines().any(|line| line.starts_with(wanted)) {
            return notice;
        }
    }
    panic!("{wanted:?} did not come, but {heard:#?}");
}

#[test]
fn systemd_hears_of_the_start_the_state_the_signs_of_life_reloads_and_the_end() {
    let rig = Rig::empty(OFTEN);
    let path = rig.folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    let plain = rig.command(&[]);
    // The watchdog is meant for one process, which has to be named: the shell becomes the daemon.
    let mut command = Command::new("sh");
    command
        .args(["-c", "WATCHDOG_PID=$$ exec \"$0\" \"$@\""])
        .arg(plain.get_program())
        .args(plain.get_args())
        .env("NOTIFY_SOCKET", &path)
        .env("WATCHDOG_USEC", "500000")
        .env_remove("SLOTBRIDGE_CONFIG");
    let mut daemon = Daemon::start(command);
    let heard = &mut Vec::new();
    let ready = wait_for(&socket, "READY=1", heard);
    assert!(ready.contains("STATUS=ready"), "{ready}");
    assert!(
        heard.iter().all(|notice| !notice.starts_with("WATCHDOG")),
        "ready comes first: {heard:?}"
    );
    wait_for(&socket, "STATUS=4 platforms in reach", heard);
    for _ in 0..3 {
        wait_for(&socket, "WATCHDOG=1", heard);
    }

    daemon.signal("HUP");
    let reloading = wait_for(&socket, "RELOADING=1", heard);
    let stamp = reloading
        .lines()
        .find_map(|line| line.strip_prefix("MONOTONIC_USEC="));
    assert!(
        stamp.is_some_and(|stamp| stamp.parse::<u64>().is_ok()),
        "{reloading}"
    );
    let ready = wait_for(&socket, "READY=1", heard);
    assert!(ready.contains("read again"), "{ready}");

    rig.change_config("company_id = 4564", "company_id = \"4564\"");
    daemon.signal("HUP");
    wait_for(&socket, "RELOADING=1", heard);
    let ready = wait_for(&socket, "READY=1", heard);
    assert!(ready.contains("the old one stays"), "{ready}");
    wait_for(&socket, "WATCHDOG=1", heard);

    daemon.assert_runs();
    daemon.signal("TERM");
    wait_for(&socket, "STOPPING=1", heard);
    let (status, _, said) = daemon.end();
    assert_eq!(status.code(), Some(0), "{said}");
}

#[test]
fn a_daemon_that_cannot_start_never_says_that_it_is_ready() {
    let rig = Rig::empty(OFTEN);
    let path = rig.folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_nonblocking(true).unwrap();
    rig.change_config("company_id = 4564", "company_id = \"4564\"");
    let mut command = rig.command(&[]);
    command.env("NOTIFY_SOCKET", &path);
    let ran = crate::support::Ran::from(command.output().unwrap());
    assert_eq!(ran.code, Some(2), "{ran:?}");
    let error = socket.recv(&mut [0; 4096]).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
}
