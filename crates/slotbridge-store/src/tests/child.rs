//! A second process: this test binary once more, told by its environment to hold a database.

use std::io::{BufRead as _, BufReader, Lines, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use super::*;

const DATABASE: &str = "SLOTBRIDGE_TEST_CHILD_DATABASE";
const READY: &str = "the child holds the database";

/// A process that has written an intent to a database and holds it.
pub(super) struct Holding {
    child: Child,
    /// Kept open, or the child could not print any more.
    lines: Lines<BufReader<ChildStdout>>,
}

impl Holding {
    pub(super) fn start(path: &Path, umask: &str) -> Self {
        let mut child = Command::new("sh")
            .arg("-c")
            .arg(format!("umask {umask} && exec \"$0\" \"$@\""))
            .arg(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "tests::child::holds_a_database_when_it_is_told_to",
                "--nocapture",
            ])
            .env(DATABASE, path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(
            lines.any(|line| line.unwrap().contains(READY)),
            "the child did not come up"
        );
        Self { child, lines }
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Lets it close the database and end.
    pub(super) fn release(mut self) {
        drop(self.child.stdin.take());
        let printed: Vec<String> = self.lines.by_ref().map(Result::unwrap).collect();
        assert!(self.child.wait().unwrap().success(), "{printed:#?}");
    }

    /// Ends it at once, wherever it is.
    pub(super) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        // Of no use when the child has ended; then a test failed or it was waited for already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Checks nothing by itself: it is the child's side of the tests that use [`Holding`].
#[tokio::test]
async fn holds_a_database_when_it_is_told_to() {
    let Some(path) = std::env::var_os(DATABASE) else {
        return;
    };
    let options = OpenOptions {
        lock_wait: Duration::ZERO,
        holder: "slotbridge reconcile".to_owned(),
    };
    let store = Store::open(Path::new(&path), &options).unwrap();
    store
        .apply(vec![began(1), intent(7, create(1, &site()), second(10))])
        .await
        .unwrap();
    println!("{READY}");
    std::io::stdout().flush().unwrap();
    // Until the parent closes its end.
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
    store.close().await.unwrap();
}
