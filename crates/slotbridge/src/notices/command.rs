//! A notice as a command: no shell, a clean environment, the notice on its standard input, and an end to it.

use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use slotbridge_platform::seam::Seam;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;

use super::target::{Failure, Retry};

/// All that a command finds in its environment; what slotbridge was started with may hold secrets.
const ENVIRONMENT: [(&str, &str); 2] = [
    (
        "PATH",
        "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    ),
    ("LANG", "C.UTF-8"),
];
/// The most of a command's complaints that is kept.
const COMPLAINT_BYTES_MAX: u64 = 2048;
/// How long a command that has ended is listened to.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// Runs a command to its end, or kills it when its time is over.
pub(crate) async fn run(
    argv: &[String],
    input: &[u8],
    timeout: Duration,
    seam: &dyn Seam,
) -> Result<(), Failure> {
    let Some((program, arguments)) = argv.split_first() else {
        return Err(Failure::lasting("the command is empty"));
    };
    let mut child = Command::new(program)
        .args(arguments)
        .env_clear()
        .envs(ENVIRONMENT)
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        // Also when whoever waits for it goes away.
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| Failure {
            why: format!("the command could not be started: {error}"),
            retry: match error.kind() {
                std::io::ErrorKind::NotFound | std::io::ErrorKind::PermissionDenied => Retry::No,
                _ => Retry::Yes,
            },
            reply: None,
        })?;
    let stdin = child.stdin.take();
    let stderr = child.stderr.take();
    let mut complaint = Vec::new();
    let work = async {
        let feed = async {
            if let Some(mut stdin) = stdin {
                // A command that does not want all of it is none the worse for that: its exit code counts.
                drop(stdin.write_all(input).await);
                drop(stdin.shutdown().await);
            }
        };
        let listen = async {
            if let Some(stderr) = stderr {
                let mut head = stderr.take(COMPLAINT_BYTES_MAX);
                // Without it there is just less to say.
                drop(head.read_to_end(&mut complaint).await);
                // The rest is read, so that the command is not stuck with it, and forgotten.
                let mut rest = head.into_inner();
                drop(tokio::io::copy(&mut rest, &mut tokio::io::sink()).await);
            }
        };
        // What it leaves running in the background may hold its streams open; its own end is what counts.
        let streams = async { tokio::join!(feed, listen) };
        tokio::pin!(streams);
        tokio::select! {
            biased;
            status = child.wait() => {
                // What it said last is there already, or in a moment.
                tokio::select! {
                    _ = &mut streams => {}
                    () = seam.sleep(LAST_WORDS) => {}
                }
                status
            }
            _ = &mut streams => child.wait().await,
        }
    };
    let ended = tokio::select! {
        ended = work => Some(ended),
        () = seam.sleep(timeout) => None,
    };
    let reply = || {
        let text = String::from_utf8_lossy(&complaint).trim().to_owned();
        (!text.is_empty()).then_some(text)
    };
    match ended {
        Some(Ok(status)) if status.success() => Ok(()),
        Some(Ok(status)) => Err(Failure {
            why: format!("the command {}", ended_with(status)),
            retry: Retry::Yes,
            reply: reply(),
        }),
        Some(Err(error)) => Err(Failure {
            why: format!("the command could not be waited for: {error}"),
            retry: Retry::Yes,
            reply: None,
        }),
        None => {
            // Killed here and reaped, so that it is gone when this returns.
            let why = match child.kill().await {
                Ok(()) => format!("the command took longer than {timeout:?} and was killed"),
                Err(error) => format!("the command took longer than {timeout:?}: {error}"),
            };
            Err(Failure {
                why,
                retry: Retry::Yes,
                reply: reply(),
            })
        }
    }
}

fn ended_with(status: ExitStatus) -> String {
    status.code().map_or_else(
        || "was killed by a signal".to_owned(),
        |code| format!("exited with {code}"),
    )
}
