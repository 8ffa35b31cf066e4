//! The manual pages and shell completions of a package, made from the same definition as the command line itself.

use std::path::Path;

use anyhow::Context as _;
use clap::{Command, CommandFactory as _};
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use super::Cli;
use super::output::Output;
use super::report::{Exit, Failure};
use crate::config::DEFAULT_PATH;

/// The name that is typed.
const NAME: &str = "slotbridge";

/// What the page of the program ends with.
const FILES: &[(&str, &str)] = &[
    (
        DEFAULT_PATH,
        "The config. A commented example is in /usr/share/slotbridge/config.example.toml.",
    ),
    (
        "/var/lib/slotbridge",
        "The database, where the config of the example puts it.",
    ),
];

/// Writes `slotbridge.1` and one page per command, and per command of a command, into a folder.
pub(crate) fn pages(folder: &Path) -> Result<Exit, Failure> {
    for (name, page) in all_pages().context("cannot make the manual pages")? {
        let path = folder.join(name);
        std::fs::write(&path, page).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(Exit::InStep)
}

/// Every page with the name of its file.
fn all_pages() -> std::io::Result<Vec<(String, Vec<u8>)>> {
    let mut program = shown().disable_help_subcommand(true);
    program.build();
    let commands: Vec<Command> = program.get_subcommands().cloned().collect();
    let names: Vec<&str> = commands.iter().map(display_name).collect();
    let mut pages = vec![page(&program, &names)?];
    for command in &commands {
        let below = command.get_subcommands();
        let below: Vec<&Command> = below.filter(|one| one.get_name() != "help").collect();
        let related = std::iter::once(NAME).chain(below.iter().map(|one| display_name(one)));
        pages.push(page(command, &related.collect::<Vec<_>>())?);
        for one in below {
            pages.push(page(one, &[NAME, display_name(command)])?);
        }
    }
    Ok(pages)
}

fn display_name(command: &Command) -> &str {
    command
        .get_display_name()
        .unwrap_or_else(|| command.get_name())
}

fn page(command: &Command, related: &[&str]) -> std::io::Result<(String, Vec<u8>)> {
    let man = Man::new(command.clone())
        // A package is built from a commit, not on a day; an empty date would make the source stand in its place.
        .date(" ")
        .source(format!("{NAME} {}", env!("CARGO_PKG_VERSION")))
        .manual("slotbridge manual");
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page)?;
    }
    let mut rest = Roff::new();
    if let Some(text) = command.get_after_help() {
        after_help(&mut rest, &text.to_string());
    }
    if command.get_name() == NAME {
        rest.control("SH", ["FILES"]);
        for (file, what) in FILES {
            rest.control("TP", []);
            rest.text([bold(*file)]);
            rest.text([roman(*what)]);
        }
    }
    rest.control("SH", ["SEE ALSO"]);
    let related: Vec<String> = related.iter().map(|name| format!("{name}(1)")).collect();
    rest.text([roman(related.join(", "))]);
    rest.to_writer(&mut page)?;
    Ok((man.get_filename(), page))
}

/// The text under a command's help. There, a block of lines that begins with `Something:` is a table, which a page must
/// not fill up like prose.
fn after_help(page: &mut Roff, text: &str) {
    for (index, block) in text.split("\n\n").enumerate() {
        let table = block
            .split_once('\n')
            .and_then(|(first, rest)| Some((first.strip_suffix(':')?, rest)));
        if let Some((heading, lines)) = table {
            page.control("SH", [heading.to_uppercase().as_str()]);
            page.control("nf", []);
            for line in lines.lines() {
                page.text([roman(line)]);
            }
            page.control("fi", []);
            continue;
        }
        if index == 0 {
            page.control("SH", ["NOTES"]);
        } else {
            page.control("PP", []);
        }
        page.text([roman(block)]);
    }
}

/// Writes what makes a shell complete the command line.
pub(crate) fn completions(shell: Shell, output: &Output) -> Result<Exit, Failure> {
    output.report(&script(shell)?)?;
    Ok(Exit::InStep)
}

fn script(shell: Shell) -> Result<String, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut shown(), NAME, &mut script);
    Ok(String::from_utf8(script).context("the completions are not text")?)
}

/// The command line without the commands that only packages use: completions would offer them to everybody.
fn shown() -> Command {
    let whole = Cli::command();
    let arguments: Vec<clap::Arg> = whole.get_arguments().cloned().collect();
    let commands: Vec<Command> = whole
        .get_subcommands()
        .filter(|command| !command.is_hide_set())
        .cloned()
        .collect();
    Command::new(NAME)
        .version(env!("CARGO_PKG_VERSION"))
        .about(super::ABOUT)
        .after_help(super::EXAMPLES)
        .args(arguments)
        .subcommands(commands)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hidden() -> Vec<String> {
        Cli::command()
            .get_subcommands()
            .filter(|command| command.is_hide_set())
            .map(|command| command.get_name().to_owned())
            .collect()
    }

    #[test]
    fn every_command_that_people_see_has_a_page_and_is_named_on_the_programs_own() {
        let pages = all_pages().unwrap();
        let (name, program) = &pages[0];
        assert_eq!(name, "slotbridge.1");
        let program = str::from_utf8(program).unwrap();
        for command in Cli::command().get_subcommands() {
            let name = command.get_name();
            let page = format!("slotbridge-{name}.1");
            let is_there = pages.iter().any(|(file, _)| *file == page);
            assert_eq!(is_there, !command.is_hide_set(), "{page}");
            let named = program.contains(&format!("slotbridge\\-{name}(1)"));
            assert_eq!(named, !command.is_hide_set(), "{name} in\n{program}");
        }
        assert_eq!(hidden(), ["man", "completions"]);
    }

    #[test]
    fn tables_of_a_help_text_keep_their_lines() {
        let mut page = Roff::new();
        after_help(
            &mut page,
            "Examples:\n  one  first\n  two  second\n\nIt only reads.",
        );
        let page = page.render();
        let table = page.split_once(".nf\n").unwrap().1;
        let table = table.split_once(".fi\n").unwrap().0;
        assert_eq!(table, "  one  first\n  two  second\n");
        assert!(page.ends_with(".PP\nIt only reads.\n"), "{page}");
    }

    #[test]
    fn shells_complete_every_command_that_people_see_and_no_other() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let script = script(shell).unwrap();
            for command in shown().get_subcommands() {
                let name = command.get_name();
                assert!(script.contains(name), "{shell}: {name}");
            }
            assert!(script.contains("--log-format") || script.contains("log-format"));
            assert!(!script.contains("completions"), "{shell}");
        }
    }
}
