//! `slotbridge forget CLIENT`: erases what the database knows of a client.
//!
//! Who is meant is never printed: the command's output may end up in a ticket.

use std::io::BufRead as _;
use std::path::{Path, PathBuf};

use serde::Serialize;
use slotbridge_core::model::Private;
use slotbridge_core::normalise;
use slotbridge_store::{Erased, Store};

use super::Global;
use super::ask::{self, confirmed};
use super::database;
use super::output::Output;
use super::report::{Exit, Failure};
use crate::config::Config;
use crate::render::words::{self, put};
use crate::render::{Format, json};

/// Reads the client from standard input, so that it stands in no shell history.
const STDIN: &str = "-";
/// How many bookings to come are listed.
const LISTED: usize = 20;

/// A client as the database may spell it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Client {
    phones: Vec<String>,
    emails: Vec<String>,
}

/// Erases a client.
pub(crate) async fn run(
    global: &Global,
    client: &str,
    dry_run: bool,
    output: &Output,
) -> Result<Exit, Failure> {
    let config = super::load(global)?;
    let client = read_client(client, &config)?;
    let copy = database::copy(&config.store).await?;
    let expected = erase(&copy, &client, true).await?;
    drop(copy);
    let to_come = !expected.to_come.is_empty();
    if dry_run || (expected.is_nothing() && expected.open == 0) {
        let exit = if expected.is_nothing() {
            Exit::InStep
        } else {
            Exit::Pending
        };
        return told(global, &expected, Done::Shown, &[], exit, output);
    }
    if to_come && !agreed(global, &expected, output) {
        return told(global, &expected, Done::Refused, &[], Exit::Person, output);
    }
    let store = database::alone(global, &config, "slotbridge forget").await?;
    let erased = erase(&store, &client, true).await?;
    let emptied = store.scrub().await?;
    store.close().await?;
    if !emptied {
        return Err(Failure::Plain {
            message: "it is erased, but another process was reading the database, so that its log still holds it".to_owned(),
            hint: Some("run the command again".to_owned()),
            exit: Exit::Trouble,
        });
    }
    let exit = if erased.open > 0 {
        Exit::Person
    } else {
        Exit::InStep
    };
    told(
        global,
        &erased,
        Done::Erased,
        &copies(&config.store),
        exit,
        output,
    )
}

async fn erase(store: &Store, client: &Client, to_come_too: bool) -> Result<Erased, Failure> {
    let (phones, emails) = (client.phones.clone(), client.emails.clone());
    Ok(store
        .erase_client(phones, emails, ask::now(), to_come_too)
        .await?)
}

/// Whether what is still to come may be erased although it comes back.
fn agreed(global: &Global, expected: &Erased, output: &Output) -> bool {
    use std::io::IsTerminal as _;
    if global.yes {
        return true;
    }
    if !std::io::stdin().is_terminal() {
        return false;
    }
    output.note(&text(expected, Done::Shown, &[]));
    confirmed(
        output,
        "Erase all of this now, although some of it comes back?",
    )
}

fn read_client(asked: &str, config: &Config) -> Result<Client, Failure> {
    let mut line = String::new();
    let asked = if asked == STDIN {
        std::io::stdin()
            .lock()
            .read_line(&mut line)
            .map_err(|_unreadable| not_a_client())?;
        line.trim()
    } else {
        asked.trim()
    };
    let countries = config
        .platforms
        .iter()
        .map(|platform| platform.default_country.as_str());
    spelled(asked, countries).ok_or_else(not_a_client)
}

fn not_a_client() -> Failure {
    Failure::Plain {
        message: "that is neither a phone nor an e-mail".to_owned(),
        hint: Some(
            "give a phone in any spelling, such as \"+7 900 000-00-00\", or an e-mail; a name is not enough to tell people apart"
                .to_owned(),
        ),
        exit: Exit::Usage,
    }
}

/// A phone as somebody in each of these countries would mean it, or an e-mail.
fn spelled<'a>(asked: &str, countries: impl Iterator<Item = &'a str>) -> Option<Client> {
    if let Some((name, host)) = asked.split_once('@') {
        let whole = !name.is_empty() && !host.is_empty() && !asked.contains(char::is_whitespace);
        return whole.then(|| Client {
            emails: vec![normalise::email_key(asked)],
            ..Client::default()
        });
    }
    let mut phones: Vec<String> = countries
        .filter_map(|country| normalise::phone(asked, country))
        .filter(normalise::is_e164)
        .map(|phone: Private| phone.expose().to_owned())
        .collect();
    phones.sort();
    phones.dedup();
    (!phones.is_empty()).then(|| Client {
        phones,
        ..Client::default()
    })
}

/// What was done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Done {
    Erased,
    Shown,
    Refused,
}

/// The report for programs.
#[derive(Debug, Serialize)]
struct Row<'a> {
    schema: u32,
    erased: bool,
    bookings: u64,
    records: u64,
    operations: u64,
    conflicts: u64,
    webhooks: u64,
    to_come: Vec<ComingRow<'a>>,
    open: u64,
    copies: Vec<String>,
}

#[derive(Debug, Serialize)]
struct ComingRow<'a> {
    platforms: &'a [String],
    start: String,
}

fn told(
    global: &Global,
    erased: &Erased,
    done: Done,
    copies: &[PathBuf],
    exit: Exit,
    output: &Output,
) -> Result<Exit, Failure> {
    let report = match global.format {
        Format::Json => json::to_text(&Row {
            schema: 1,
            erased: done == Done::Erased,
            bookings: erased.bookings,
            records: erased.records,
            operations: erased.operations,
            conflicts: erased.conflicts,
            webhooks: erased.webhooks,
            to_come: erased
                .to_come
                .iter()
                .map(|one| ComingRow {
                    platforms: &one.platforms,
                    start: one.starts_at.to_string(),
                })
                .collect(),
            open: erased.open,
            copies: copies
                .iter()
                .map(|path| path.display().to_string())
                .collect(),
        }),
        Format::Text | Format::Markdown => text(erased, done, copies),
    };
    output.report(&report)?;
    Ok(exit)
}

fn text(erased: &Erased, done: Done, copies: &[PathBuf]) -> String {
    let mut out = String::new();
    if erased.is_nothing() && erased.open == 0 {
        return "The database knows nothing of this client.\n".to_owned();
    }
    let counts = [
        words::count(erased.bookings, "booking", "bookings"),
        words::count(erased.records, "record", "records"),
        words::count(erased.operations, "journal entry", "journal entries"),
        words::count(erased.conflicts, "conflict", "conflicts"),
        words::count(erased.webhooks, "waiting webhook", "waiting webhooks"),
    ]
    .join(", ");
    match done {
        Done::Erased => put!(&mut out, "Erased from the database: {counts}.\n"),
        Done::Shown => put!(&mut out, "To be erased from the database: {counts}.\n"),
        Done::Refused => put!(&mut out, "Nothing was erased. It would be: {counts}.\n"),
    }
    if !erased.to_come.is_empty() {
        put!(
            &mut out,
            "{} not over. The platforms still hold the client's data, and the next pass reads them again:\n",
            words::count(len(&erased.to_come), "booking is", "bookings are")
        );
        for one in erased.to_come.iter().take(LISTED) {
            put!(
                &mut out,
                "  {}  on {}\n",
                one.starts_at,
                one.platforms.join(", ")
            );
        }
        if erased.to_come.len() > LISTED {
            put!(&mut out, "  and {} more\n", erased.to_come.len() - LISTED);
        }
        out.push_str("  Cancel them and erase the client on the platforms, make a pass, and run this again.\n");
        if done == Done::Refused {
            out.push_str("  With --yes everything is erased now all the same.\n");
        }
    }
    if erased.open > 0 {
        put!(
            &mut out,
            "{} left, because work on it is under way. Make a pass (slotbridge reconcile), then run this again.\n",
            words::count(erased.open, "item was", "items were")
        );
    }
    for copy in copies {
        put!(
            &mut out,
            "{} is a copy from before an upgrade and was not touched: delete it if you no longer need it.\n",
            copy.display()
        );
    }
    if done == Done::Erased {
        out.push_str("Backups that you made, and the platforms themselves, hold what they held.\n");
    }
    out
}

fn len<T>(items: &[T]) -> u64 {
    u64::try_from(items.len()).unwrap_or(u64::MAX)
}

/// Copies of the database that were made beside it before upgrades.
fn copies(database: &Path) -> Vec<PathBuf> {
    let Some((folder, name)) = database.parent().zip(database.file_name()) else {
        return Vec::new();
    };
    let before = format!("{}.before-", name.to_string_lossy());
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut found: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            path.file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with(&before))
        })
        .collect();
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_named_by_a_phone_in_any_spelling_or_an_e_mail() {
        let phone = |text: &str, countries: &[&str]| {
            spelled(text, countries.iter().copied()).map(|client| client.phones)
        };
        let expected = Some(vec!["+79000000001".to_owned()]);
        for text in [
            "+7 900 000-00-01",
            "8 (900) 000 00 01",
            "9000000001",
            "+79000000001",
        ] {
            assert_eq!(phone(text, &["RU", "RU"]), expected, "{text}");
        }
        // One spelling may be two numbers where accounts are in two countries.
        assert_eq!(
            phone("9000000001", &["RU", "KZ"]).map(|phones| phones.len()),
            Some(1)
        );
        for wrong in ["", "Вера", "12", "call me", "@", "a@", "@b.ru", "a b@c.ru"] {
            assert_eq!(spelled(wrong, ["RU"].into_iter()), None, "{wrong:?}");
        }
        let email = spelled(" Vera@Example.com".trim(), ["RU"].into_iter()).unwrap();
        assert_eq!(email.emails, ["vera@example.com"]);
    }

    #[test]
    fn the_report_counts_and_names_the_way_on() {
        let erased = Erased {
            bookings: 1,
            records: 2,
            open: 1,
            ..Erased::default()
        };
        let shown = text(
            &erased,
            Done::Erased,
            &[PathBuf::from("/x/s.db.before-0002")],
        );
        for part in [
            "1 booking, 2 records",
            "1 item was left",
            "/x/s.db.before-0002",
            "Backups",
        ] {
            assert!(shown.contains(part), "{part} is not in\n{shown}");
        }
        assert!(text(&Erased::default(), Done::Shown, &[]).contains("knows nothing"));
    }
}
