//! `slotbridge demo`: everything on simulated platforms, for somebody who sees it for the first time.
//!
//! The platforms are served over real HTTP on this machine, and each pass is the one of `slotbridge --reconcile`. The
//! demo ends well only if both platforms hold the same bookings and the next plan is empty.

mod people;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use slotbridge_engine::bridge::Mode;
use slotbridge_engine::report::Report;
use slotbridge_sim::world::{Addresses, RESOURCES, TIME_ZONE};
use slotbridge_sim::{Inspect, Quota, Served, SimClock, World, demo_week, serve};
use tokio_util::sync::CancellationToken;

use super::output::Output;
use super::report::{Exit, Failure};
use super::{Global, reconcile, stop};
use crate::config::Config;
use crate::render::text::{mood_style, styled, table};
use crate::render::view::Mood;
use crate::render::words::put;
use crate::render::{Format, words};

/// How far apart the simulated Rubitime wants two calls. The real one wants five seconds.
const RUBITIME_GAP: Duration = Duration::from_millis(40);

/// Shows everything.
pub(crate) async fn run(global: &Global, output: &Output) -> Result<Exit, Failure> {
    let began = std::time::Instant::now();
    let cancel = stop::on_signals(output)?;
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let stage = Stage::open(global, folder.path(), output).await?;
    output.say(&stage.introduction())?;
    let exit = stage.play(&cancel, output).await?;
    let seconds = began.elapsed().as_secs();
    output.say(&match exit {
        Exit::InStep => format!(
            "{} The demo took {seconds} s; its folder is removed now.\n\
             Next: copy config.example.toml, name your own accounts in it, and run `slotbridge check`.\n",
            styled(mood_style(Mood::Good), "In step.")
        ),
        _ => format!("{} The platforms are not in step; see above.\n", styled(mood_style(Mood::Bad), "Not in step.")),
    })?;
    Ok(exit)
}

/// The simulated platforms with a bridge between them.
struct Stage {
    world: World,
    global: Global,
    config: Config,
    config_text: String,
    /// The platforms are there as long as these are.
    served: [Served; 2],
}

impl Stage {
    async fn open(global: &Global, folder: &Path, output: &Output) -> Result<Self, Failure> {
        let world = demo_week(&SimClock::system());
        let rubitime = world
            .rubitime
            .clone()
            .with_quota(Quota::rubitime(RUBITIME_GAP));
        let listening = "cannot listen on this machine";
        let salon = serve(world.yclients.router()).await.context(listening)?;
        let site = serve(rubitime.router()).await.context(listening)?;
        let store = folder.join("slotbridge.db");
        let text = world.config(&Addresses {
            yclients: &salon.url,
            rubitime: &site.url,
            store: &store.to_string_lossy(),
            rubitime_gap: Some(RUBITIME_GAP),
        });
        // Rubitime lists nothing: an owner who wants the bookings of the time before names them.
        let known: Vec<String> = world
            .rubitime
            .live()
            .iter()
            .map(|seen| seen.id.to_string())
            .collect();
        let text = text.replacen(
            "webhook_token = \"demo-webhook-token\"\n",
            &format!("known_records = [{}]\n", known.join(", ")),
            1,
        );
        let file = folder.join("config.toml");
        std::fs::write(&file, &text).context("cannot write the demo's config")?;
        let config = Config::load(&file).map_err(Failure::Config)?;
        output.note(&format!("The demo works in {}.", folder.display()));
        Ok(Self {
            world,
            global: Global {
                config: file,
                bridge: Vec::new(),
                format: Format::Text,
                show_clients: true,
                ..global.clone()
            },
            config,
            config_text: text,
            served: [salon, site],
        })
    }

    fn introduction(&self) -> String {
        let [salon, site] = &self.served;
        let gap = RUBITIME_GAP.as_millis();
        let mut text = heading(
            "slotbridge keeps bookings in step across booking platforms. This is how it works.",
        );
        put!(
            &mut text,
            "Two platforms run on this machine, simulated; nothing leaves it, and all people are invented:\n  \
             salon: YCLIENTS at {}, with {} bookings\n  \
             site: Rubitime at {}, with {} bookings\n\
             A real Rubitime allows one call in 5 seconds. The simulated one allows one in {gap} ms, and the config says so\n\
             (quota), so that this takes seconds instead of minutes. Everything else is as in real life.\n\
             \n\
             This is the config, {}:\n\n",
            salon.url,
            self.world.yclients.live().len(),
            site.url,
            self.world.rubitime.live().len(),
            self.global.config.display()
        );
        for line in self.config_text.lines() {
            text.push_str("    ");
            text.push_str(line);
            text.push('\n');
        }
        text
    }

    async fn play(&self, cancel: &CancellationToken, output: &Output) -> Result<Exit, Failure> {
        output.say(&heading(
            "1. What would be done?  slotbridge --reconcile --dry-run",
        ))?;
        let planned = self.pass(Mode::DryRun, cancel, output).await?;
        output.say(&heading("2. Do it.  slotbridge --reconcile"))?;
        output.say(
            "Bookings that both platforms had are only linked; what one of them lacks is made there, once.\n\n",
        )?;
        let applied = self.pass(Mode::Apply, cancel, output).await?;
        output.say(&heading("3. People go on booking, on both platforms."))?;
        output.say(&people::act(&self.world).context("the simulated people could not act")?)?;
        output.say(&heading(
            "4. The next pass carries it over.  slotbridge --reconcile",
        ))?;
        let carried = self.pass(Mode::Apply, cancel, output).await?;
        output.say(&heading("5. One pass more.  slotbridge --reconcile"))?;
        output.say(
            "Rubitime has no list of bookings: of the new one there, slotbridge sees only that the time is taken.\n\
             A time that was seen taken in two passes is protected on the other platforms by an anonymous block.\n\
             (With Rubitime's webhook, which comes with the daemon, the booking itself arrives.)\n\n",
        )?;
        let protected = self.pass(Mode::Apply, cancel, output).await?;
        output.say(&heading(
            "6. Is anything left to do?  slotbridge --reconcile --dry-run",
        ))?;
        let left = self.pass(Mode::DryRun, cancel, output).await?;
        output.say(&heading("7. What the platforms themselves hold now"))?;
        let (calendar, same) = self.calendar();
        output.say(&calendar)?;
        let went_well = Exit::of(&planned) == Exit::Pending
            && [&applied, &carried, &protected, &left]
                .iter()
                .all(|report| Exit::of(report) == Exit::InStep);
        Ok(if went_well && same && self.is_clean(output)? {
            Exit::InStep
        } else {
            Exit::Trouble
        })
    }

    /// One pass, with its report.
    async fn pass(
        &self,
        mode: Mode,
        cancel: &CancellationToken,
        output: &Output,
    ) -> Result<Report, Failure> {
        let (report, showing) =
            reconcile::pass(&self.global, &self.config, mode, cancel.clone(), output).await?;
        output.say(&crate::render::report(&report, Format::Text, &showing))?;
        Ok(report)
    }

    /// Both calendars side by side, and whether they are the same.
    fn calendar(&self) -> (String, bool) {
        let mut rows: BTreeMap<(Timestamp, Timestamp, &str), [String; 2]> = BTreeMap::new();
        for (column, seen) in [
            (0, self.world.yclients.live()),
            (1, self.world.rubitime.live()),
        ] {
            for seen in seen {
                let staff = RESOURCES.iter().find(|staff| {
                    [staff.yclients, staff.rubitime].get(column) == Some(&seen.staff)
                });
                let name = staff.map_or("?", |staff| staff.name);
                let cells = rows.entry((seen.start, seen.end, name)).or_default();
                if let Some(cell) = cells.get_mut(column) {
                    if !cell.is_empty() {
                        cell.push_str(" and ");
                    }
                    put!(cell, "{} {}", seen.id, words::clean(&seen.name));
                }
            }
        }
        let same = rows.values().all(|cells| {
            cells
                .iter()
                .all(|cell| !cell.is_empty() && !cell.contains(" and "))
        });
        let zone = TimeZone::get(TIME_ZONE).unwrap_or(TimeZone::UTC);
        let head = ["when", "who", "on salon", "on site", ""].map(str::to_owned);
        let body = rows.into_iter().map(|((start, end, name), [salon, site])| {
            let when = format!(
                "{} {}–{}",
                words::day(start, &zone),
                words::time(start, &zone),
                words::time(end, &zone)
            );
            let mark = if salon.is_empty() || site.is_empty() {
                "✗"
            } else {
                "✓"
            };
            [when, name.to_owned(), salon, site, mark.to_owned()]
        });
        let lines = table(std::iter::once(head).chain(body));
        (lines.join("\n") + "\n\n", same)
    }

    /// Whether nobody was booked twice, nobody was written to, and no limit was broken.
    fn is_clean(&self, output: &Output) -> Result<bool, Failure> {
        let (yclients, rubitime) = (&self.world.yclients, &self.world.rubitime);
        let facts = [
            (
                "records made twice",
                yclients.duplicates_ever().len() + rubitime.duplicates_ever().len(),
            ),
            (
                "double bookings",
                yclients.double_bookings().len() + rubitime.double_bookings().len(),
            ),
            (
                "calls over a quota",
                yclients.quota_violations().len() + rubitime.quota_violations().len(),
            ),
            (
                "messages to clients",
                yclients.messages_sent().len()
                    + yclients.reminders_set().len()
                    + rubitime.reminders_set().len(),
            ),
        ];
        let mut text = String::new();
        for (what, number) in &facts {
            put!(&mut text, "{what}: {number}\n");
        }
        output.say(&format!("{text}\n"))?;
        Ok(facts.iter().all(|(_, number)| *number == 0))
    }
}

fn heading(text: &str) -> String {
    format!(
        "\n{}\n\n",
        styled(anstyle::Style::new().bold().underline(), text)
    )
}
