//! A platform that means harm, over real connections: the pass ends in time and in bounded memory, says which platform it
//! was, keeps what came to itself, and the other platform is read all the same. And files that nobody means.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use slotbridge_sim::Inspect as _;

use crate::support::{Ran, Stage, write_private};

/// Stands in what the platform sends, and nowhere else.
const PLANTED: &str = "Подброшенная";
/// Far above what a pass takes, and far below what is sent.
const RESIDENT_KIB_MAX: u64 = 128 * 1024;
/// No attempt waits longer than its timeout of a second; there are four, and pauses between them.
const PATIENCE: Duration = Duration::from_secs(90);

/// What a platform does once it has read a request.
type Trick = Arc<dyn Fn(&mut TcpStream) -> std::io::Result<()> + Send + Sync>;

/// A platform that plays a trick on every connection; gives its address and how often it was asked.
fn platform(trick: Trick) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    // It ends with the process that tests it.
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (trick, asked) = (Arc::clone(&trick), Arc::clone(&counted));
            std::thread::spawn(move || {
                let mut stream = stream?;
                let mut buffer = [0; 16 * 1024];
                if stream.read(&mut buffer)? > 0 {
                    asked.fetch_add(1, Ordering::SeqCst);
                    trick(&mut stream)?;
                }
                std::io::Result::Ok(())
            });
        }
    });
    (address, asked)
}

fn whole(kind: &str, body: Vec<u8>) -> Trick {
    let kind = kind.to_owned();
    Arc::new(move |stream| {
        let length = body.len();
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
        );
        stream.write_all(head.as_bytes())?;
        stream.write_all(&body)
    })
}

/// Goes on until the other side has had enough.
fn endless(head: &'static str, piece: Vec<u8>, pause: Duration) -> Trick {
    Arc::new(move |stream| {
        stream.write_all(head.as_bytes())?;
        loop {
            stream.write_all(&piece)?;
            std::thread::park_timeout(pause);
        }
    })
}

/// What a pass against such a platform left, and the most memory that it had.
fn pass(name: &str, trick: Trick) -> (Ran, u64, usize) {
    let stage = Stage::week();
    let before = stage.fingerprints();
    let (address, asked) = platform(trick);
    let text = std::fs::read_to_string(stage.config()).unwrap();
    let salon = text.split("base_url = \"").nth(1).unwrap();
    let (salon, _) = salon.split_once('"').unwrap();
    stage.change_config(
        &format!("base_url = \"{salon}\"\n"),
        &format!("base_url = \"http://{address}\"\ntimeout = \"1s\"\n"),
    );
    let mut child = stage
        .command(&["reconcile", "--format", "json", "-vvv"])
        .stdout(Stdio::piped())
        .stderr(Stdio::from(
            std::fs::File::create(stage.folder.path().join("log")).unwrap(),
        ))
        .spawn()
        .unwrap();
    let began = Instant::now();
    let mut resident = 0;
    while child.try_wait().unwrap().is_none() {
        resident = resident.max(resident_kib(child.id()).unwrap_or_default());
        if began.elapsed() > PATIENCE {
            child.kill().unwrap();
            panic!("{name}: it never ended");
        }
        std::thread::park_timeout(Duration::from_millis(5));
    }
    let mut ran = Ran::from(child.wait_with_output().unwrap());
    ran.stderr = std::fs::read_to_string(stage.folder.path().join("log")).unwrap();
    assert_eq!(
        stage.world.yclients.fingerprint(),
        before.0,
        "{name}: somebody else was written to"
    );
    assert_eq!(
        stage.world.rubitime.live().len(),
        stage.world.rubitime.all().len(),
        "{name}: something was removed"
    );
    (ran, resident, asked.load(Ordering::SeqCst))
}

/// The most memory that a process had at once.
fn resident_kib(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// Asserts what every such pass must do, and that the error says this.
fn assert_withstood(name: &str, trick: Trick, says: &str) {
    let (ran, resident, asked) = pass(name, trick);
    assert!(asked > 0, "{name}: nobody was asked");
    assert_eq!(ran.code, Some(1), "{name}: {ran:?}");
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    let platforms = &report["bridges"][0]["platforms"];
    assert_eq!(platforms[0]["name"], "salon");
    let error = platforms[0]["error"].as_str().unwrap_or_default();
    assert!(
        error.contains(says),
        "{name}: {error:?} does not say {says:?}"
    );
    assert!(platforms[1]["error"].is_null(), "{name}: {platforms:#}");
    assert_eq!(report["totals"]["remove"], 0, "{name}");
    for text in [&ran.stdout, &ran.stderr] {
        assert!(!text.contains(PLANTED), "{name}: {text}");
    }
    assert!(
        (1..RESIDENT_KIB_MAX).contains(&resident),
        "{name}: {resident} KiB resident"
    );
}

// R33
#[test]
fn a_platform_that_means_harm_is_reported_and_does_none() {
    const OK: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";
    const GIB: &str =
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1073741824\r\n\r\n";
    const NO_JSON: &str = "no JSON object";
    const CHUNKED: &str =
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
    let filler = format!("{{\"name\": \"{PLANTED}\"}}, ")
        .repeat(2_000)
        .into_bytes();
    let chunk = [
        format!("{:x}\r\n", filler.len()).into_bytes(),
        filler.clone(),
        b"\r\n".to_vec(),
    ]
    .concat();
    let header = format!("x-{}: {PLANTED}\r\n", "a".repeat(500)).into_bytes();
    let (open, close) = ("[".repeat(2_000_000), "]".repeat(2_000_000));
    let deep = format!("{{\"success\": true, \"data\": {open}\"{PLANTED}\"{close}}}");
    // Windows-1251 and UTF-16 of a comment, as old servers send them.
    let cyrillic: Vec<u8> = [
        &b"{\"success\": true, \"data\": [{\"id\": 1, \"comment\": \""[..],
        b"\xcf\xee\xe4\xe1\xf0\xee\xf8\xe5\xed\xed\xe0\xff\"}]}",
    ]
    .concat();
    let wide: Vec<u8> = format!("{{\"success\": true, \"data\": [\"{PLANTED}\"]}}")
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let at_once = Duration::ZERO;
    let tricks: Vec<(&str, Trick, &str)> = vec![
        (
            "a gibibyte",
            endless(GIB, filler.clone(), at_once),
            "larger than 32 MiB",
        ),
        (
            "no end",
            endless(CHUNKED, chunk, at_once),
            "larger than 32 MiB",
        ),
        (
            "headers without end",
            endless(OK, header, at_once),
            "head is too large",
        ),
        (
            "a slow loris",
            endless(GIB, b"[".to_vec(), Duration::from_millis(50)),
            "did not answer in time",
        ),
        (
            "deep JSON",
            whole("application/json", deep.into_bytes()),
            NO_JSON,
        ),
        (
            "another charset",
            whole("application/json; charset=windows-1251", cyrillic),
            NO_JSON,
        ),
        (
            "UTF-16",
            whole("application/json; charset=utf-16", wide),
            NO_JSON,
        ),
        (
            "a page",
            whole("text/html", format!("<html>{PLANTED}</html>").into()),
            NO_JSON,
        ),
    ];
    // Side by side: a pass over a platform in trouble mostly waits between its attempts.
    std::thread::scope(|scope| {
        for (name, trick, says) in tricks {
            scope.spawn(move || assert_withstood(name, trick, says));
        }
    });
}

#[test]
fn a_redirect_to_another_host_is_not_followed() {
    let other = TcpListener::bind("127.0.0.2:0").unwrap();
    let to = other.local_addr().unwrap();
    let trick: Trick = Arc::new(move |stream| {
        let head = format!(
            "HTTP/1.1 307 Temporary Redirect\r\nlocation: http://{to}/{PLANTED}\r\ncontent-length: 0\r\n\r\n"
        );
        stream.write_all(head.as_bytes())
    });
    assert_withstood("a redirect", trick, "redirects to 127.0.0.2");
    other.set_nonblocking(true).unwrap();
    let knocked = other.accept();
    assert!(knocked.is_err(), "the redirect was followed: {knocked:?}");
}

#[test]
fn a_config_and_secrets_that_nobody_means_are_refused() {
    let stage = Stage::empty();
    let text = std::fs::read_to_string(stage.config()).unwrap();
    let refused = |says: &[&str]| {
        let ran = stage.run(&["check"]);
        assert_eq!(ran.code, Some(2), "{ran:?}");
        for says in says {
            let said = format!("{}{}", ran.stdout, ran.stderr);
            assert!(said.contains(says), "{says:?} is not in {ran:?}");
        }
    };
    std::fs::set_permissions(stage.config(), std::fs::Permissions::from_mode(0o622)).unwrap();
    refused(&[
        "everybody on this machine can change it (mode 622)",
        "chmod o-rwx",
    ]);
    // A secret that never ends, and one that is a folder.
    for (file, says) in [("/dev/zero", "too long"), ("/dev", "directory")] {
        stage.write_config(&text.replace(
            "api_key = \"demo-rubitime-key\"",
            &format!("api_key = {{ file = \"{file}\" }}"),
        ));
        refused(&["platform.site.api_key", says]);
    }
    // A config that is a folder, never ends, or is a link to nothing.
    let config = stage.config();
    std::fs::remove_file(&config).unwrap();
    std::fs::create_dir(&config).unwrap();
    refused(&["config.toml", "cannot read the config"]);
    std::fs::remove_dir(&config).unwrap();
    for (to, says) in [
        ("/dev/zero", "longer than"),
        ("nowhere", "cannot read the config"),
    ] {
        symlink(to, &config).unwrap();
        refused(&["config.toml", says]);
        std::fs::remove_file(&config).unwrap();
    }
    // A link to a config is one, and relative paths in it start where the link stands.
    let elsewhere = tempfile::tempdir().unwrap();
    let real = elsewhere.path().join("real.toml");
    write_private(&real, text.as_bytes());
    symlink(&real, &config).unwrap();
    assert_eq!(stage.run(&["check"]).code, Some(0));
}
