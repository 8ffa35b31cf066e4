//! `slotbridge notice test`: tries whether notices arrive, with a notice that holds nothing of anybody.

use std::sync::Arc;

use anyhow::Context as _;
use clap::CommandFactory as _;
use clap::error::ErrorKind;
use serde::Serialize;
use slotbridge_platform::reqwest_transport::ReqwestTransport;
use slotbridge_platform::system_seam::SystemSeam;

use super::output::Output;
use super::report::{Exit, Failure};
use super::{Cli, Global};
use crate::config::value;
use crate::notices::notice::{Kind, Notice};
use crate::notices::target::{self, Means, Target};
use crate::notices::words;
use crate::render::text::{mood_style, styled};
use crate::render::view::Mood;
use crate::render::words::{clean, put};
use crate::render::{Format, json};

/// How it went with one target.
#[derive(Debug, Serialize)]
struct Tried {
    target: String,
    by: String,
    arrived: bool,
    why: Option<String>,
    answer: Option<String>,
}

/// Tries one target, or all of them.
pub(crate) async fn test(
    global: &Global,
    name: Option<&str>,
    output: &Output,
) -> Result<Exit, Failure> {
    let config = super::load(global)?;
    let targets = chosen(&config.notices.targets, name)?;
    let transport = ReqwestTransport::new().context("no target can be reached")?;
    let means = Means {
        seam: Arc::new(SystemSeam::new()),
        transport: Arc::new(transport),
    };
    let mut tried = Vec::new();
    for target in targets {
        let notice = Notice::of_moment(Kind::Test, means.seam.now(), words::test(&target.name));
        let failure = target.bring(&notice, &means).await.err();
        tried.push(one(target, failure));
    }
    output.report(&match global.format {
        Format::Text => text(&tried),
        Format::Json => json::to_text(&serde_json::json!({ "schema": 1, "targets": tried })),
        Format::Markdown => markdown(&tried),
    })?;
    Ok(if tried.iter().all(|one| one.arrived) {
        Exit::InStep
    } else {
        Exit::Trouble
    })
}

fn one(target: &Target, failure: Option<target::Failure>) -> Tried {
    let (why, answer) = failure.map_or((None, None), |failure| {
        (Some(failure.why), failure.reply.map(|text| clean(&text)))
    });
    Tried {
        target: target.name.clone(),
        by: target.shown(),
        arrived: why.is_none(),
        why,
        answer,
    }
}

fn chosen<'t>(targets: &'t [Target], name: Option<&str>) -> Result<Vec<&'t Target>, Failure> {
    if targets.is_empty() {
        return Err(Failure::Plain {
            message: "the config has no target for notices".to_owned(),
            hint: Some(
                "add a table [notices.target.NAME]; config.example.toml shows some".to_owned(),
            ),
            exit: Exit::Usage,
        });
    }
    let Some(name) = name else {
        return Ok(targets.iter().collect());
    };
    let found = targets.iter().find(|target| target.name == name);
    found.map(|target| vec![target]).ok_or_else(|| {
        let names: Vec<&str> = targets.iter().map(|target| target.name.as_str()).collect();
        let hint = match value::nearest(name, names.iter().copied()) {
            Some(near) => format!("did you mean {near:?}?"),
            None => format!("known here: {}", names.join(", ")),
        };
        let message = format!("there is no target {name:?}; {hint}");
        Failure::Usage(Cli::command().error(ErrorKind::InvalidValue, message))
    })
}

fn said(one: &Tried) -> String {
    let mut text = match &one.why {
        None => format!("{}: handed to {}", one.target, one.by),
        Some(why) => format!("{}: {} did not take it: {why}", one.target, one.by),
    };
    if let Some(answer) = &one.answer {
        put!(&mut text, "; it said: {answer}");
    }
    text
}

fn text(tried: &[Tried]) -> String {
    let mut out = String::new();
    for one in tried {
        let (word, mood) = if one.arrived {
            ("ok", Mood::Good)
        } else {
            ("problem", Mood::Bad)
        };
        let mark = styled(mood_style(mood), &format!("{word:<7}"));
        put!(&mut out, "{mark}  {}\n", said(one));
    }
    out
}

fn markdown(tried: &[Tried]) -> String {
    let mut out = String::new();
    for one in tried {
        let word = if one.arrived { "ok" } else { "problem" };
        put!(&mut out, "- **{word}** {}\n", said(one));
    }
    out
}
