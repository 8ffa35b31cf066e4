//! The command line of the seeded simulation: which seeds, what is chosen, and what is said of a broken promise.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;
use slotbridge_sim::runner::{self, Canary, Counts, Outcome, Settings};
use slotbridge_sim::simulation::{Choices, FaultMix};
use slotbridge_sim::world::{PLACES, Place};

/// What the tester chooses.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The first seed
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many seeds, one after the other
    #[arg(long, default_value_t = 1)]
    runs: u64,
    /// Stop after so many seconds, whatever is left
    #[arg(long, value_name = "SECONDS")]
    within: Option<u64>,
    /// Which platforms, such as yclients,alfacrm; the seed decides otherwise
    #[arg(long, value_delimiter = ',', value_parser = place)]
    platforms: Vec<Place>,
    /// How many bookings there are at the beginning
    #[arg(long)]
    size: Option<usize>,
    /// How many steps people take
    #[arg(long)]
    steps: Option<usize>,
    /// What goes wrong with calls: none, mix or all
    #[arg(long)]
    faults: Option<FaultMix>,
    /// Whether the engine is always on, true or false; the seed decides otherwise
    #[arg(long)]
    always_on: Option<bool>,
    /// Break the bridge in this way, to see it caught
    #[arg(long)]
    canary: Option<Canary>,
    /// Live only so many steps
    #[arg(long)]
    prefix: Option<usize>,
    /// Show every exchange of the last life
    #[arg(long)]
    trace: bool,
    /// Keep the database as it is after every pass, in folders named by seed and time
    #[arg(long, value_name = "FOLDER")]
    keep: Option<PathBuf>,
    /// Go on after a seed that breaks a promise
    #[arg(long)]
    keep_going: bool,
}

fn place(word: &str) -> Result<Place, String> {
    let known = |place: &Place| {
        let title = place.title().to_lowercase();
        title.split('.').next() == Some(word) || place.name() == word
    };
    PLACES
        .into_iter()
        .find(known)
        .ok_or_else(|| "want yclients, rubitime, simplybook or alfacrm".to_owned())
}

/// Lives the lives.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let settings = Settings {
        choices: Choices {
            places: Some(arguments.platforms.clone()).filter(|places| !places.is_empty()),
            size: arguments.size,
            steps: arguments.steps,
            faults: arguments.faults,
        },
        always_on: arguments.always_on,
        prefix: arguments.prefix,
        canary: arguments.canary,
        trace: arguments.trace,
        keep: arguments.keep.clone(),
    };
    let began = Instant::now();
    let until = arguments
        .within
        .and_then(|seconds| began.checked_add(Duration::from_secs(seconds)));
    let (mut counts, mut lived, mut broken) = (Counts::default(), 0_u64, 0_u64);
    for seed in arguments.seed..arguments.seed.saturating_add(arguments.runs) {
        if until.is_some_and(|until| Instant::now() >= until) {
            break;
        }
        let outcome = runner::live(seed, &settings)?;
        lived += 1;
        counts.add(&outcome.counts);
        if arguments.trace {
            for line in &outcome.lines {
                say(line);
            }
        }
        if arguments.runs == 1 {
            say(&format!("seed {seed}: {}", outcome.scenario));
            say(&format!("trace {:016x}", outcome.hash));
        }
        if !outcome.violations.is_empty() {
            broken += 1;
            tell(&outcome, &settings, arguments)?;
            if !arguments.keep_going {
                break;
            }
        }
    }
    say(&format!(
        "{lived} seeds in {} s, {broken} broke a promise: {counts}",
        began.elapsed().as_secs()
    ));
    for (name, fired) in &counts.faults {
        say(&format!("  {fired:>8} {name}"));
    }
    Ok(if broken == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Says what was broken, by the shortest life that breaks it, and how to live that again.
fn tell(outcome: &Outcome, settings: &Settings, arguments: &Arguments) -> anyhow::Result<()> {
    let seed = outcome.seed;
    say(&format!(
        "\nseed {seed} broke a promise; {}",
        outcome.scenario
    ));
    for violation in &outcome.violations {
        say(&format!("  {violation}"));
    }
    let found = if settings.prefix.is_some() || arguments.keep_going {
        None
    } else {
        runner::shortest(seed, settings, outcome.counts.steps)?
    };
    let mut command = format!("cargo run --release -p slotbridge-sim -- --seed {seed}");
    let mut shown = outcome;
    if let Some((prefix, shorter)) = &found {
        say(&format!("the first {prefix} steps are enough:"));
        for violation in &shorter.violations {
            say(&format!("  {violation}"));
        }
        command = format!("{command} --prefix {prefix}");
        shown = shorter;
    }
    let last = shown.diary.len().saturating_sub(40);
    say("what people did, the last of it:");
    for line in shown.diary.iter().skip(last) {
        say(&format!("  {line}"));
    }
    for (option, value) in [
        ("--size", arguments.size.map(|size| size.to_string())),
        ("--steps", arguments.steps.map(|steps| steps.to_string())),
        (
            "--always-on",
            arguments.always_on.map(|always_on| always_on.to_string()),
        ),
        (
            "--canary",
            arguments.canary.map(|canary| canary.name().to_owned()),
        ),
        (
            "--faults",
            arguments
                .faults
                .map(|faults| format!("{faults:?}").to_lowercase()),
        ),
        (
            "--platforms",
            Some(&arguments.platforms)
                .filter(|places| !places.is_empty())
                .map(|places| {
                    let names: Vec<&str> = places.iter().map(|place| place.name()).collect();
                    names.join(",")
                }),
        ),
    ] {
        if let Some(value) = value {
            command = format!("{command} {option} {value}");
        }
    }
    say(&format!("to live it again: {command}\n"));
    Ok(())
}

#[allow(clippy::print_stdout, reason = "this is the command's output")]
fn say(line: &str) {
    println!("{line}");
}
