//! The command line: what can be said, and which command does it.

pub(crate) mod apply;
pub(crate) mod approve;
pub(crate) mod ask;
pub(crate) mod backup;
pub(crate) mod check;
pub(crate) mod conflicts;
pub(crate) mod database;
#[cfg(feature = "demo")]
pub(crate) mod demo;
pub(crate) mod explain;
pub(crate) mod forget;
pub(crate) mod logging;
pub(crate) mod manual;
pub(crate) mod map;
pub(crate) mod notice;
mod once;
pub(crate) mod output;
pub(crate) mod progress;
pub(crate) mod purge;
pub(crate) mod reconcile;
pub(crate) mod report;
pub(crate) mod run;
pub(crate) mod signals;
pub(crate) mod status;
pub(crate) mod stop;
pub(crate) mod undo;
pub(crate) mod zones;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod unit_file;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::error::ErrorKind;
use clap::{ArgAction, Args, CommandFactory as _, Parser, Subcommand, ValueEnum};

use crate::config::value;
use crate::config::{self, BridgeConfig, Config};
use crate::render::Format;
use output::Output;
use report::{Exit, Failure};

/// What a person gets with `--help`.
const ABOUT: &str =
    "Keeps the bookings of one business in step across the booking platforms it is listed on";

const EXAMPLES: &str = "\
Examples:
  slotbridge demo                          try it on simulated platforms, without account or config
  slotbridge check                         look at config, credentials, zones and mappings
  slotbridge map                           propose which ids of the platforms are the same
  slotbridge --reconcile --dry-run         show what one pass would change; write nothing
  slotbridge --reconcile                   make one pass over every bridge
  slotbridge reconcile --bridge main --format json --output report.json
  slotbridge conflicts                     see what waits for your decision
  slotbridge run                           keep the bridges in step until told to stop

Exit codes:
  0  in step, or everything was applied
  1  an operation failed or was refused, or a platform or the database could not be used
  2  wrong usage or config
  3  a guard stopped it
  4  something waits for a person
  5  a dry run found changes";

/// The whole command line.
#[derive(Debug, Parser)]
#[command(name = "slotbridge", version, about = ABOUT, after_help = EXAMPLES, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,

    /// Make one full pass over every bridge, then exit; the same as the command `reconcile`
    #[arg(long)]
    pub(crate) reconcile: bool,

    /// Read and plan, show what would be done, write nothing anywhere
    #[arg(long)]
    pub(crate) dry_run: bool,

    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// What every command understands, before or after its name.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// The config file
    #[arg(long, global = true, value_name = "FILE", env = "SLOTBRIDGE_CONFIG", default_value = config::DEFAULT_PATH)]
    pub(crate) config: PathBuf,

    /// Only this bridge; may be given several times
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) bridge: Vec<String>,

    /// How reports are written
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        value_name = "FORMAT",
        hide_possible_values = true,
        help = "How reports are written: text, json or markdown"
    )]
    pub(crate) format: Format,

    /// Write the report to a file instead of standard output, whole or not at all
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    /// Show clients' names, phones, e-mails and comments in reports
    #[arg(long, global = true)]
    pub(crate) show_clients: bool,

    /// Answer every question with yes
    #[arg(long, global = true)]
    pub(crate) yes: bool,

    /// How long to wait for another slotbridge to let go of the database
    #[arg(long, global = true, value_name = "DURATION", default_value = "10s", value_parser = value::duration)]
    pub(crate) wait: Duration,

    /// When to use colours
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        value_name = "WHEN",
        hide_possible_values = true,
        help = "When to use colours: auto, always or never"
    )]
    pub(crate) color: Color,

    /// Log more to standard error; twice for every call, three times for everything
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,

    /// How log lines are written
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        value_name = "FORMAT",
        hide_possible_values = true,
        help = "How log lines are written: text or json"
    )]
    pub(crate) log_format: LogFormat,
}

/// What can be done.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum Command {
    /// Keep the bridges in step until told to stop; the same as no command
    #[command(after_help = "\
Examples:
  slotbridge run                           as the service does
  slotbridge run --dry-run                 watch for days, say what it would do, write nothing

SIGHUP reads the config again; a bad one is told and the old one kept. SIGTERM and Ctrl-C end it: writes under way get
five seconds, what was not begun goes on at the next start.")]
    Run {
        /// Watch and say what would be done; write nothing anywhere
        #[arg(long)]
        dry_run: bool,
    },
    /// Make one full pass over every bridge, then exit
    #[command(after_help = "\
Examples:
  slotbridge reconcile --dry-run           show what would change; exit 5 if something would
  slotbridge reconcile                     bring the bridges into step
  slotbridge reconcile --format markdown --output report.md")]
    Reconcile {
        /// Read and plan, show the report, write nothing anywhere
        #[arg(long)]
        dry_run: bool,
    },
    /// Carry out exactly the plan that a dry run saved, or nothing
    #[command(after_help = "\
Examples:
  slotbridge reconcile --dry-run --format json --output plan.json
  slotbridge apply plan.json               write what that plan says, if nothing has moved since

Every platform is read again first. If anything that the plan rests on has moved, nothing is written and the exit code
is 3. Guards hold what they would hold in any pass. Under a running daemon, which does the work anyway, it exits with 1.")]
    Apply {
        /// The plan: the JSON report of a dry run
        #[arg(value_name = "PLAN.json")]
        plan: PathBuf,
    },
    /// Look at config, credentials, zones, mappings and reachability; one line per finding
    #[command(after_help = "\
Examples:
  slotbridge check                         ask every platform as well
  slotbridge check --offline               config, secrets, who can read them, and the database

It only reads. Exit 0: all is well; 1: a platform or the database cannot be used; 2: the config is wrong.")]
    Check {
        /// Ask no platform: look only at what is on this machine, before a reload or without a network
        #[arg(long)]
        offline: bool,

        /// Show the webhook addresses with their tokens even where this is not a terminal; whoever has one can send webhooks
        #[arg(long)]
        show_webhooks: bool,
    },
    /// List each platform's resources and services, and propose the mapping as TOML
    #[command(after_help = "\
Examples:
  slotbridge map                           show what there is, and rows to put into the config
  slotbridge map --bridge main --output rows.toml
  slotbridge map --format json

It only reads. Exit 0: all was read; 1: a platform's lists could not be read; 2: the config is wrong.")]
    Map,
    /// Show what the database knows: records, age of the last complete pass, open work, last runs
    Status,
    /// Approve what a guard holds in a bridge; the next run applies it if it is unchanged
    #[command(after_help = "\
Look at what is held first:
  slotbridge reconcile --dry-run --bridge main
  slotbridge approve main")]
    Approve {
        /// The bridge
        #[arg(value_name = "BRIDGE")]
        name: String,
    },
    /// Show conflicts and double bookings that wait for you, and decide them
    #[command(after_help = "\
Examples:
  slotbridge conflicts                                  what waits for you
  slotbridge conflicts --all --show-clients             with what was decided lately, and clients' data
  slotbridge conflicts resolve 7 --take salon
  slotbridge conflicts resolve 7 --set 'slot=2026-12-01 12:00-13:00'

Showing only reads. Exit 0: nothing waits; 4: something waits for you; 2: wrong usage.")]
    #[command(args_conflicts_with_subcommands = true)]
    Conflicts {
        /// Show also what was decided in the last 30 days, by the policy or by you
        #[arg(long)]
        all: bool,

        #[command(subcommand)]
        what: Option<ConflictsCommand>,
    },
    /// Tell the life of a booking: what was seen, decided and sent, what came back, and why it waits
    #[command(after_help = "\
Examples:
  slotbridge explain salon:501             a record, by its platform and id
  slotbridge explain 501                   the same, where only one platform knows this id
  slotbridge explain 019a3c9e-5d2f-7c40-8a51-3f6b0e2d9c11 --show-clients

It reads the database and asks no platform: what it says of platforms is how they were last seen.")]
    Explain {
        /// The booking's id as reports show it, or a record as PLATFORM:ID
        #[arg(value_name = "BOOKING")]
        booking: String,
    },
    /// Write a whole copy of the database to a new file, also while the daemon runs; or look through one
    #[command(after_help = "\
Examples:
  slotbridge backup /srv/backup/slotbridge-2026-12-01.db
  slotbridge backup --verify /srv/backup/slotbridge-2026-12-01.db

The copy is one state of the database, for its owner only (it holds clients' data), and checked before it gets its name.
A file that is there is never overwritten. Exit 0: all is well; 1: the copy could not be made, or is damaged.")]
    Backup {
        /// Write nothing: look through a backup that is there
        #[arg(long)]
        verify: bool,

        /// The new file, or with --verify the backup
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Take back what a run wrote, where nobody has changed it since; without RUN, list the runs
    #[command(after_help = "\
Examples:
  slotbridge undo                          list the runs that can be taken back
  slotbridge undo last                     show what would be taken back, then ask
  slotbridge undo 0193f3a2 --yes           take it back without asking; the beginning of an id will do

What the run made is removed, what it changed is put back, what it removed is booked again. What a person or a later run
has changed since is left and listed. The next pass does not do it again. Guards apply as ever. Without a terminal and
without --yes nothing is written. A running service must be stopped first: it holds the database.

Exit 0: all was taken back; 3: a guard holds it; 4: something was left; 5: only shown; 2: no such run.")]
    Undo {
        /// The run: its id, the beginning of it, or `last`
        #[arg(value_name = "RUN")]
        run: Option<String>,

        /// Only show what would be taken back
        #[arg(long)]
        dry_run: bool,
    },
    /// Erase what the database knows of a client; the platforms keep their own
    #[command(after_help = "\
Examples:
  slotbridge forget '+7 900 000-00-00'     a phone in any spelling
  slotbridge forget vera@example.com       or an e-mail
  slotbridge forget -                      read it from standard input, so that it stands in no shell history

Name, phone, e-mail and comment of every booking of that client are erased from the mirror, the bookings, the journal,
conflicts and waiting webhooks, and the file is rewritten. Links, ids and times stay, so that nothing is made again.
A booking that is not over comes back with the next pass, because the platforms still hold it: then the command asks,
and without a terminal it refuses unless --yes is given. A running service must be stopped first.

Exit 0: erased, or nothing was known; 4: refused, or something was left; 5: only shown; 2: no phone and no e-mail.")]
    Forget {
        /// A phone in any spelling, an e-mail, or - to read it from standard input
        #[arg(value_name = "CLIENT", allow_hyphen_values = true)]
        client: String,

        /// Only count what would be erased
        #[arg(long)]
        dry_run: bool,
    },
    /// Remove from a platform what slotbridge made there, to leave it cleanly
    #[command(after_help = "\
Examples:
  slotbridge purge site --dry-run          show what would be removed
  slotbridge purge site                    show it, then ask
  slotbridge purge site --yes              remove it without asking

It reads that platform only and removes, quietly, the records in the bridge's window that slotbridge made: those that the
database knows, and without it those that carry slotbridge's mark. A record of a person's own is never touched; what
cannot be told for certain is left and listed. Limits on numbers do not hold it, the number is what you are asked about.
Take the platform out of the config afterwards. A running service must be stopped first.

Exit 0: all of it is gone; 1: something failed; 3: a guard doubts what the platform shows; 4: something was left; 5: only shown.")]
    Purge {
        /// The platform
        #[arg(value_name = "PLATFORM")]
        platform: String,

        /// Only show what would be removed
        #[arg(long)]
        dry_run: bool,
    },
    /// Notices: see whether they arrive
    Notice {
        #[command(subcommand)]
        what: NoticeCommand,
    },
    /// Show everything on simulated platforms, with no account and no config
    #[cfg(feature = "demo")]
    Demo,
    /// Write the manual pages into a folder, for packages
    #[command(hide = true)]
    Man {
        /// The folder; it must be there
        #[arg(value_name = "FOLDER")]
        folder: PathBuf,
    },
    /// Write the completions of a shell, for packages
    #[command(hide = true)]
    Completions {
        /// bash, zsh, fish, elvish or powershell
        #[arg(value_name = "SHELL")]
        shell: clap_complete::Shell,
    },
}

/// What can be done with conflicts.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum ConflictsCommand {
    /// Decide how a conflict ends; the next run writes it, once
    #[command(after_help = "\
Examples:
  slotbridge conflicts resolve 7 --take salon           as salon has it
  slotbridge conflicts resolve 7 --set 'slot=2026-12-01 12:00-13:00'
  slotbridge conflicts resolve 7 --set 'phone=+79000000000'
  slotbridge conflicts resolve 7 --keep                 as the bridge has it

Fields: slot, resource, services, status, name, phone, email, comment. A running daemon applies it at once. If a value
has changed on a platform meanwhile, nothing is written and the conflict is asked again.")]
    Resolve {
        /// The conflict's number, as `slotbridge conflicts` shows it
        #[arg(value_name = "ID")]
        id: i64,

        #[command(flatten)]
        wish: conflicts::Wish,
    },
}

/// What can be done with notices.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum NoticeCommand {
    /// Send a test to every target of the config, or to one
    #[command(after_help = "\
Examples:
  slotbridge notice test                   try every target
  slotbridge notice test owner             try one

Exit 0: every target took it; 1: one did not; 2: the config is wrong, or has no such target.")]
    Test {
        /// The target
        #[arg(value_name = "NAME")]
        name: Option<String>,
    },
}

/// When to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Color {
    #[default]
    Auto,
    Always,
    Never,
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum LogFormat {
    #[default]
    Text,
    Json,
}

/// What is to be done, once the two spellings of it are one.
#[derive(Debug)]
enum Job {
    Run {
        dry_run: bool,
    },
    Reconcile {
        dry_run: bool,
    },
    Check {
        offline: bool,
        show_webhooks: bool,
    },
    Map,
    Status,
    Approve {
        bridge: String,
    },
    Apply {
        plan: PathBuf,
    },
    Explain {
        booking: String,
    },
    Backup {
        file: PathBuf,
        verify: bool,
    },
    Conflicts {
        all: bool,
    },
    Resolve {
        id: i64,
        wish: conflicts::Wish,
    },
    Undo {
        run: Option<String>,
        dry_run: bool,
    },
    Forget {
        client: String,
        dry_run: bool,
    },
    Purge {
        platform: String,
        dry_run: bool,
    },
    NoticeTest {
        target: Option<String>,
    },
    #[cfg(feature = "demo")]
    Demo,
    Man {
        folder: PathBuf,
    },
    Completions {
        shell: clap_complete::Shell,
    },
}

impl Job {
    /// What is logged when nobody asks for more.
    fn usual_log(&self) -> logging::Usual {
        match self {
            Self::Run { .. } => logging::Usual::Steps,
            Self::Reconcile { .. }
            | Self::Check { .. }
            | Self::Map
            | Self::Status
            | Self::Approve { .. }
            | Self::Apply { .. }
            | Self::Backup { .. }
            | Self::Explain { .. }
            | Self::Conflicts { .. }
            | Self::Resolve { .. }
            | Self::Undo { .. }
            | Self::Forget { .. }
            | Self::Purge { .. }
            | Self::NoticeTest { .. }
            | Self::Man { .. }
            | Self::Completions { .. } => logging::Usual::Warnings,
            #[cfg(feature = "demo")]
            Self::Demo => logging::Usual::Warnings,
        }
    }
}

/// Runs the program.
pub(crate) fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => return output::usage(&error),
    };
    let output = Output::new(&cli.global);
    let result = job(&cli)
        .map_err(Failure::Usage)
        .and_then(|job| start(&cli.global, job, &output));
    let exit = match result {
        Ok(exit) => exit,
        Err(failure) => {
            output.failure(&failure);
            failure.exit()
        }
    };
    ExitCode::from(exit.code())
}

/// Takes `--reconcile` and `reconcile` for the same, and refuses what does not go together.
fn job(cli: &Cli) -> Result<Job, clap::Error> {
    let usage = |kind, message: &str| Err(Cli::command().error(kind, message));
    let Some(command) = &cli.command else {
        return match (cli.reconcile, cli.dry_run) {
            (true, dry_run) => Ok(Job::Reconcile { dry_run }),
            (false, dry_run) => Ok(Job::Run { dry_run }),
        };
    };
    if let (Command::Run { dry_run }, false) = (command, cli.reconcile) {
        return Ok(Job::Run {
            dry_run: *dry_run || cli.dry_run,
        });
    }
    if let Command::Reconcile { dry_run } = command {
        return Ok(Job::Reconcile {
            dry_run: *dry_run || cli.dry_run,
        });
    }
    if let (Command::Undo { run, dry_run }, false) = (command, cli.reconcile) {
        return Ok(Job::Undo {
            run: run.clone(),
            dry_run: *dry_run || cli.dry_run,
        });
    }
    if let (Command::Forget { client, dry_run }, false) = (command, cli.reconcile) {
        return Ok(Job::Forget {
            client: client.clone(),
            dry_run: *dry_run || cli.dry_run,
        });
    }
    if let (Command::Purge { platform, dry_run }, false) = (command, cli.reconcile) {
        return Ok(Job::Purge {
            platform: platform.clone(),
            dry_run: *dry_run || cli.dry_run,
        });
    }
    if cli.reconcile || cli.dry_run {
        return usage(
            ErrorKind::ArgumentConflict,
            "--reconcile and --dry-run do not go with another command",
        );
    }
    Ok(match command {
        Command::Check {
            offline,
            show_webhooks,
        } => Job::Check {
            offline: *offline,
            show_webhooks: *show_webhooks,
        },
        Command::Map => Job::Map,
        Command::Status => Job::Status,
        Command::Approve { name } => Job::Approve {
            bridge: name.clone(),
        },
        Command::Apply { plan } => Job::Apply { plan: plan.clone() },
        Command::Explain { booking } => Job::Explain {
            booking: booking.clone(),
        },
        Command::Backup { verify, file } => Job::Backup {
            file: file.clone(),
            verify: *verify,
        },
        Command::Conflicts { all, what: None } => Job::Conflicts { all: *all },
        Command::Conflicts {
            what: Some(ConflictsCommand::Resolve { id, wish }),
            ..
        } => Job::Resolve {
            id: *id,
            wish: wish.clone(),
        },
        Command::Undo { run, dry_run } => Job::Undo {
            run: run.clone(),
            dry_run: *dry_run,
        },
        Command::Forget { client, dry_run } => Job::Forget {
            client: client.clone(),
            dry_run: *dry_run,
        },
        Command::Purge { platform, dry_run } => Job::Purge {
            platform: platform.clone(),
            dry_run: *dry_run,
        },
        Command::Notice {
            what: NoticeCommand::Test { name },
        } => Job::NoticeTest {
            target: name.clone(),
        },
        #[cfg(feature = "demo")]
        Command::Demo => Job::Demo,
        Command::Man { folder } => Job::Man {
            folder: folder.clone(),
        },
        Command::Completions { shell } => Job::Completions { shell: *shell },
        Command::Reconcile { dry_run } => Job::Reconcile { dry_run: *dry_run },
        Command::Run { dry_run } => Job::Run { dry_run: *dry_run },
    })
}

fn start(global: &Global, job: Job, output: &Output) -> Result<Exit, Failure> {
    logging::start(global, job.usual_log(), output);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let exit = runtime.block_on(async {
        match job {
            Job::Run { dry_run } => run::run(global, dry_run, output).await,
            Job::Reconcile { dry_run } => reconcile::run(global, dry_run, output).await,
            Job::Check {
                offline,
                show_webhooks,
            } => check::run(global, offline, show_webhooks, output).await,
            Job::Map => map::run(global, output).await,
            Job::Status => status::run(global, output).await,
            Job::Approve { bridge } => approve::run(global, &bridge, output).await,
            Job::Apply { plan } => apply::run(global, &plan, output).await,
            Job::Explain { booking } => explain::run(global, &booking, output).await,
            Job::Backup { file, verify } if verify => backup::verify(global, &file, output).await,
            Job::Backup { file, .. } => backup::make(global, &file, output).await,
            Job::Conflicts { all } => conflicts::show(global, all, output).await,
            Job::Resolve { id, wish } => conflicts::resolve(global, id, &wish, output).await,
            Job::Undo { run, dry_run } => undo::run(global, run.as_deref(), dry_run, output).await,
            Job::Forget { client, dry_run } => forget::run(global, &client, dry_run, output).await,
            Job::Purge { platform, dry_run } => {
                purge::run(global, &platform, dry_run, output).await
            }
            Job::NoticeTest { target } => notice::test(global, target.as_deref(), output).await,
            #[cfg(feature = "demo")]
            Job::Demo => demo::run(global, output).await,
            Job::Man { folder } => manual::pages(&folder),
            Job::Completions { shell } => manual::completions(shell, output),
        }
    });
    // A blocking call that hangs, such as a name look-up, must not hold the process.
    runtime.shutdown_timeout(Duration::from_secs(1));
    exit
}

/// Reads the config and keeps the bridges that were asked for.
fn load(global: &Global) -> Result<Config, Failure> {
    let mut config = Config::load(&global.config).map_err(Failure::Config)?;
    let known: Vec<String> = config
        .bridges
        .iter()
        .map(|bridge| bridge.name.to_string())
        .collect();
    for asked in &global.bridge {
        if !known.contains(asked) {
            return Err(unknown_bridge(asked, &known));
        }
    }
    if !global.bridge.is_empty() {
        let asked = |bridge: &BridgeConfig| {
            global
                .bridge
                .iter()
                .any(|name| name == bridge.name.as_str())
        };
        config.bridges.retain(asked);
    }
    Ok(config)
}

fn unknown_bridge(asked: &str, known: &[String]) -> Failure {
    let hint = match value::nearest(asked, known.iter().map(String::as_str)) {
        Some(near) => format!("did you mean {near:?}?"),
        None => format!("known here: {}", known.join(", ")),
    };
    Failure::Usage(Cli::command().error(
        ErrorKind::InvalidValue,
        format!("there is no bridge {asked:?}; {hint}"),
    ))
}
