//! `slotbridge demo`: everything on simulated platforms, for somebody who sees it for the first time.
//!
//! The platforms are served over real HTTP on this machine, and each pass is the one of `slotbridge --reconcile`. The
//! demo ends well only if all platforms hold the same bookings and the next plan is empty.

mod outcome;
mod people;

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use slotbridge_engine::bridge::Mode;
use slotbridge_engine::report::Report;
use slotbridge_sim::world::{Addresses4, Place, World4, demo_week_of_four};
use slotbridge_sim::{Limit, Served, SimClock, serve};
use tokio_util::sync::CancellationToken;

use super::output::Output;
use super::report::{Exit, Failure};
use super::{Global, reconcile, stop};
use crate::config::Config;
use crate::render::Format;
use crate::render::text::{mood_style, styled};
use crate::render::view::Mood;
use crate::render::words::put;

/// How far apart the simulated Rubitime wants two calls. The real one wants five seconds.
const RUBITIME_GAP: Duration = Duration::from_millis(40);

/// What the config allows itself on the other platforms. The real ones allow five in a second or so.
const QUOTA: &str = "quota = [\"20/200ms\"]\n";

/// What the other platforms bear: somewhat more, since calls are counted where they arrive.
const LIMIT: (usize, Duration) = (25, Duration::from_millis(200));

/// Whose address and number SimplyBook.me gets in place of the clients' own.
const SINK_EMAIL: &str = "sync@example.com";

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
    world: World4,
    global: Global,
    config: Config,
    config_text: String,
    /// The platforms are there as long as these are, in the order of the world's sides.
    served: [Served; 4],
}

impl Stage {
    async fn open(global: &Global, folder: &Path, output: &Output) -> Result<Self, Failure> {
        let world = demo_week_of_four(&SimClock::system());
        world.hurry(RUBITIME_GAP);
        let (calls, per) = LIMIT;
        for quota in [
            world.two.yclients.quota(),
            world.simplybook.quota(),
            world.alfacrm.quota(),
        ] {
            quota.set([Limit::new(calls, per)], true);
        }
        let listening = "cannot listen on this machine";
        let served = [
            serve(world.two.yclients.router())
                .await
                .context(listening)?,
            serve(world.two.rubitime.router())
                .await
                .context(listening)?,
            serve(world.simplybook.router()).await.context(listening)?,
            serve(world.alfacrm.router()).await.context(listening)?,
        ];
        let text = config_text(&world, &served, &folder.join("slotbridge.db"));
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
            served,
        })
    }

    fn introduction(&self) -> String {
        let mut text = heading(
            "slotbridge keeps bookings in step across booking platforms. This is how it works.",
        );
        text.push_str(
            "Four platforms run on this machine, simulated; nothing leaves it, and all people are invented:\n",
        );
        for (side, served) in self.world.sides().into_iter().zip(&self.served) {
            put!(
                &mut text,
                "  {}: {} at {}, with {} bookings\n",
                side.place.name(),
                side.place.title(),
                served.url,
                side.view.live().len()
            );
        }
        let gap = RUBITIME_GAP.as_millis();
        put!(
            &mut text,
            "A real Rubitime allows one call in 5 seconds, the others about five in a second. The simulated ones allow one in\n\
             {gap} ms and twenty in 200 ms, and the config says so (quota), so that this takes seconds instead of minutes.\n\
             Everything else is as in real life.\n\
             SimplyBook.me writes to clients about every booking, whatever it is asked. So it gets an address and a number of the\n\
             business in place of those of clients who booked elsewhere (sink).\n\
             \n\
             This is the config, {}:\n\n",
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
            "Bookings that several platforms had are only linked; what one of them lacks is made there, once.\n\n",
        )?;
        let applied = self.pass(Mode::Apply, cancel, output).await?;
        let acting = "the simulated people could not act";
        output.say(&heading("3. People go on booking, on salon and on site."))?;
        output
            .say(&people::act(&self.world, [Place::Yclients, Place::Rubitime]).context(acting)?)?;
        output.say(&heading(
            "4. The next pass carries it over.  slotbridge --reconcile",
        ))?;
        let carried = self.pass(Mode::Apply, cancel, output).await?;
        output.say(&heading("5. And on world and on school."))?;
        output
            .say(&people::act(&self.world, [Place::Simplybook, Place::Alfacrm]).context(acting)?)?;
        output.say(&heading("6. One pass more.  slotbridge --reconcile"))?;
        output.say(
            "Rubitime has no list of bookings: of the new one there, slotbridge sees only that the time is taken.\n\
             A time that was seen taken in two passes is protected on the other platforms by an anonymous block.\n\
             (With Rubitime's webhook, which comes with the daemon, the booking itself arrives.)\n\n",
        )?;
        let protected = self.pass(Mode::Apply, cancel, output).await?;
        output.say(&heading(
            "7. Is anything left to do?  slotbridge --reconcile --dry-run",
        ))?;
        let left = self.pass(Mode::DryRun, cancel, output).await?;
        output.say(&heading("8. What the platforms themselves hold now"))?;
        let (calendar, same) = outcome::calendar(&self.world);
        output.say(&calendar)?;
        let (facts, clean) = outcome::facts(&self.world);
        output.say(&facts)?;
        let went_well = Exit::of(&planned) == Exit::Pending
            && [&applied, &carried, &protected, &left]
                .iter()
                .all(|report| Exit::of(report) == Exit::InStep);
        Ok(if went_well && same && clean {
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
}

/// The config of the bridge, with the quotas of the demo, a sink, and Rubitime's bookings of the time before: it lists
/// nothing, so an owner who wants them names them.
fn config_text(world: &World4, served: &[Served; 4], store: &Path) -> String {
    let [salon, site, international, school] = served;
    let text = world.config(&Addresses4 {
        yclients: &salon.url,
        rubitime: &site.url,
        simplybook: &international.url,
        alfacrm: &school.url,
        store: &store.to_string_lossy(),
        rubitime_gap: Some(RUBITIME_GAP),
        hurry: true,
    });
    let rubitime = world.side(Place::Rubitime).view.live();
    let known: Vec<String> = rubitime.iter().map(|seen| seen.id.to_string()).collect();
    let known = format!("known_records = [{}]\n", known.join(", "));
    let sink = format!("sink_email = \"{SINK_EMAIL}\"\nsink_phone = \"+79000000099\"\n");
    text.replace("quota = [\"1000/1s\"]\n", QUOTA)
        .replacen("webhook_token = \"demo-webhook-token\"\n", &known, 1)
        .replacen("contacts = \"real\"\n", &sink, 1)
}

fn heading(text: &str) -> String {
    format!(
        "\n{}\n\n",
        styled(anstyle::Style::new().bold().underline(), text)
    )
}
