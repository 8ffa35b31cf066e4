//! The daemon as a process: what it says, what it answers, how it ends.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use slotbridge_sim::webhooks::Delivery;
use slotbridge_sim::world::Place;

use super::rig::token;
use crate::support::{signal, wait_until};

/// A running daemon. It is killed when this is dropped.
pub(super) struct Daemon {
    pub(super) child: Child,
    stdout: Said,
    stderr: Said,
    /// Where it answers; nothing for one that has no doors.
    pub(super) address: Option<SocketAddr>,
    pub(super) deliveries: BTreeMap<Place, Delivery>,
}

/// What a process has said so far, read by a thread of its own.
struct Said {
    text: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

impl Said {
    fn by(stream: impl Read + Send + 'static) -> Self {
        let text = Arc::new(Mutex::new(String::new()));
        let kept = Arc::clone(&text);
        let reader = std::thread::spawn(move || {
            for line in BufReader::new(stream).lines() {
                let mut kept = kept.lock().unwrap();
                kept.push_str(&line.unwrap());
                kept.push('\n');
            }
        });
        Self {
            text,
            reader: Some(reader),
        }
    }

    fn so_far(&self) -> String {
        self.text.lock().unwrap().clone()
    }

    /// All of it, once the process has ended.
    fn whole(&mut self) -> String {
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
        self.so_far()
    }
}

impl Daemon {
    /// Starts it and waits until it can be spoken to.
    pub(super) fn start(command: Command) -> Self {
        let mut daemon = spawn(command);
        wait_until("the daemon answers", || {
            daemon.assert_runs();
            address_in(&daemon.stderr.so_far()).is_some()
        });
        daemon.address = address_in(&daemon.stderr.so_far());
        daemon
    }

    /// Sends it webhooks that nobody has taken.
    pub(super) fn hear_again(&self, place: Place, missed: &[serde_json::Value]) {
        let path = format!("/webhooks/{}/{}", place.name(), token(place));
        for webhook in missed {
            let status = post(self.address.unwrap(), &path, &webhook.to_string());
            assert_eq!(status, 200, "{}", place.title());
        }
    }

    pub(super) fn assert_runs(&mut self) {
        if let Some(status) = self.child.try_wait().unwrap() {
            panic!("the daemon ended with {status}:\n{}", self.stderr.whole());
        }
    }

    /// Everything that it has logged so far.
    pub(super) fn log(&self) -> String {
        self.stderr.so_far()
    }

    /// Everything that it has put on standard output so far.
    pub(super) fn shown(&self) -> String {
        self.stdout.so_far()
    }

    pub(super) fn signal(&self, name: &str) {
        signal(&self.child, name);
    }

    /// Waits until it has logged something.
    pub(super) fn wait_for(&self, text: &str) {
        wait_until(&format!("{text:?} is logged"), || self.log().contains(text));
    }

    /// Waits for its end; gives its status and all that it has said.
    pub(super) fn end(mut self) -> (ExitStatus, String, String) {
        let status = self.child.wait().unwrap();
        (status, self.stdout.whole(), self.stderr.whole())
    }

    /// Asks it to stop and wants a clean end.
    pub(super) fn stop(self) -> String {
        self.signal("TERM");
        let (status, _, said) = self.end();
        assert_eq!(status.code(), Some(0), "{said}");
        said
    }

    /// Kills it as a power cut would.
    pub(super) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// What a webhook of this platform was answered with, the last time; nothing before the first.
    pub(super) fn statuses(&self, place: Place) -> Vec<Option<u16>> {
        self.deliveries[&place].statuses()
    }

    /// Asks for a page; gives status and body.
    pub(super) fn get(&self, path: &str) -> (u16, String) {
        get(self.address.unwrap(), path)
    }

    /// Asks for the figures.
    pub(super) fn metrics(&self) -> Vec<String> {
        let (status, page) = self.get("/metrics");
        assert_eq!(status, 200, "{page}");
        page.lines().map(str::to_owned).collect()
    }

    /// The figures whose series begins like this.
    pub(super) fn figures(&self, series: &str) -> Vec<f64> {
        let lines = self.metrics();
        let lines = lines.iter().filter(|line| line.starts_with(series));
        lines
            .filter_map(|line| line.rsplit_once(' ')?.1.parse().ok())
            .collect()
    }

    pub(super) fn is_at_rest(&self) -> bool {
        let none = |series| self.figures(series).iter().all(|value| *value < 1.0);
        // Before the first run nothing is known.
        !self
            .figures("slotbridge_last_run_timestamp_seconds{")
            .is_empty()
            && none("slotbridge_running_since_timestamp_seconds{")
            && none("slotbridge_inbox_waiting{")
            && none("slotbridge_journal_open{")
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Fails when it has ended; then there is nothing to kill.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Starts a process and listens to it.
pub(super) fn spawn(mut command: Command) -> Daemon {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    Daemon {
        stdout: Said::by(child.stdout.take().unwrap()),
        stderr: Said::by(child.stderr.take().unwrap()),
        child,
        address: None,
        deliveries: BTreeMap::new(),
    }
}

/// Where the log says that the daemon answers.
fn address_in(log: &str) -> Option<SocketAddr> {
    let (_, rest) = log.split_once("are answered.")?;
    let (_, rest) = rest.split_once("127.0.0.1:")?;
    let port: String = rest.chars().take_while(char::is_ascii_digit).collect();
    Some(SocketAddr::from(([127, 0, 0, 1], port.parse().ok()?)))
}

/// Asks for a page over a connection of its own.
pub(super) fn get(address: SocketAddr, path: &str) -> (u16, String) {
    ask(
        address,
        &format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
    )
}

/// Sends a webhook by hand; gives the status.
pub(super) fn post(address: SocketAddr, path: &str, body: &str) -> u16 {
    let length = body.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    ask(address, &(head + body)).0
}

fn ask(address: SocketAddr, request: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, body.to_owned())
}
