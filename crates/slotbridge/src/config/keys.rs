//! Every key that a config may have, with what it expects, its default and its meaning.
//!
//! The reader refuses what is not here, the defaults are read from here, and `docs/configuration.md` is made from here.

/// Whether a key has to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presence {
    /// It must be there.
    Required,
    /// Nothing stands in for it.
    Optional,
    /// This value stands in for it.
    Default(&'static str),
}

/// One key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key {
    /// As it is spelled.
    pub(crate) name: &'static str,
    /// What kind of value it takes, in a few words.
    pub(crate) expects: &'static str,
    /// Whether it has to be there.
    pub(crate) presence: Presence,
    /// What it does.
    pub(crate) doc: &'static str,
}

/// A key that must be there.
pub(crate) const fn required(name: &'static str, expects: &'static str, doc: &'static str) -> Key {
    Key {
        name,
        expects,
        presence: Presence::Required,
        doc,
    }
}

/// A key that may be absent.
pub(crate) const fn optional(name: &'static str, expects: &'static str, doc: &'static str) -> Key {
    Key {
        name,
        expects,
        presence: Presence::Optional,
        doc,
    }
}

/// A key with a default.
pub(crate) const fn defaults(
    name: &'static str,
    expects: &'static str,
    default: &'static str,
    doc: &'static str,
) -> Key {
    Key {
        name,
        expects,
        presence: Presence::Default(default),
        doc,
    }
}

/// What a duration looks like, for the keys that take one.
pub(crate) const DURATION: &str = "a duration such as \"90s\"";
/// What a secret looks like, for the keys that take one.
pub(crate) const A_SECRET: &str =
    "a secret: a string, { env = \"NAME\" }, { file = \"PATH\" } or { credential = \"NAME\" }";
/// What a count looks like.
const COUNT: &str = "a whole number, 0 for no limit";
/// What a share looks like.
const PERCENT: &str = "a whole number of percent, 0 for no limit";

/// The file's own tables.
pub(crate) static ROOT: &[Key] = &[
    required("store", "a table", "The database."),
    optional("http", "a table", "Where webhooks arrive."),
    optional(
        "guard",
        "a table",
        "Limits that stop a run before it does damage.",
    ),
    optional(
        "notices",
        "a table",
        "Who is told when something needs a person.",
    ),
    optional("schedule", "a table", "What is done at which hour."),
    required("platform", "tables [platform.NAME]", "The accounts."),
    required(
        "bridge",
        "tables [[bridge]]",
        "Which accounts are kept in step, and how.",
    ),
];

/// `[store]`
pub(crate) static STORE: &[Key] = &[
    required(
        "path",
        "the path of a file",
        "The database; it is made on first use, for its owner only. A relative path starts at the config file's folder.",
    ),
    defaults(
        "keep_clients",
        "a duration such as `\"400d\"`, or `\"off\"`",
        "off",
        "How long names, phones, e-mails and comments of bookings that are over stay in the database, at least `30d`; then they are erased on the `retention` schedule. The platforms keep their own. `\"off\"`: they stay.",
    ),
];

/// `[http]`
pub(crate) static HTTP: &[Key] = &[
    defaults(
        "listen",
        "IP and port",
        "127.0.0.1:8087",
        "Where webhooks are listened for.",
    ),
    optional(
        "public_url",
        "an address",
        "The address under which the platforms reach it; `slotbridge check` makes the webhook URLs from it.",
    ),
];

/// `[guard]` and `[bridge.guard]`
pub(crate) static GUARD: &[Key] = &[
    defaults("removals_max", COUNT, "20", "The most removals in one run."),
    defaults(
        "removals_max_percent",
        PERCENT,
        "10",
        "The most removals in one run, as a share of the live records, once there are at least 10.",
    ),
    defaults(
        "removals_max_day",
        COUNT,
        "60",
        "The most removals over a rolling day.",
    ),
    defaults("updates_max", COUNT, "0", "The most updates in one run."),
    defaults(
        "updates_max_percent",
        PERCENT,
        "50",
        "The most updates in one run, as a share of the live records, once there are at least 10.",
    ),
    defaults(
        "updates_max_day",
        COUNT,
        "0",
        "The most updates over a rolling day.",
    ),
    defaults("creates_max", COUNT, "0", "The most creates in one run."),
    defaults(
        "creates_max_percent",
        PERCENT,
        "0",
        "The most creates in one run, as a share of the live records, once there are at least 10.",
    ),
    defaults(
        "creates_max_day",
        COUNT,
        "0",
        "The most creates over a rolling day.",
    ),
];

/// What a cron line looks like, for the keys that take one.
pub(crate) const CRON: &str = "a cron line such as \"30 3 * * *\"";
/// What a template looks like, for the keys that take one.
const TEMPLATE: &str = "a template such as \"{{ title }}: {{ text }}\"";

/// `[notices]`
pub(crate) static NOTICES: &[Key] = &[
    defaults(
        "down_after",
        DURATION,
        "10m",
        "How long a platform is down before that is told, at most `7d`. What ends sooner is not told.",
    ),
    defaults(
        "silent_after",
        DURATION,
        "26h",
        "How long a platform may go without a complete pass before that is told, from `1h` to `31d`: a day, and room for the nightly pass.",
    ),
    defaults(
        "remind_after",
        DURATION,
        "24h",
        "How long until something that still stands is told again, from `10m` to `31d`.",
    ),
    optional(
        "target",
        "tables [notices.target.NAME]",
        "Where notices go. Without one nobody is told.",
    ),
];

/// `[notices.target.NAME]`, whatever its kind.
pub(crate) static TARGET: &[Key] = &[
    required(
        "kind",
        "\"command\", \"webhook\" or \"message\"",
        "How notices get there.",
    ),
    optional(
        "only",
        "a list such as [\"guard\", \"overlap\"]",
        "The kinds that go there; all when it is absent.",
    ),
    defaults(
        "show_clients",
        "true or false",
        "false",
        "Whether the clients of the bookings concerned, and what was written about them, are told too.",
    ),
    defaults(
        "max_per_hour",
        "a whole number",
        "20",
        "The most notices in any hour; what is more comes as one.",
    ),
    defaults(
        "timeout",
        DURATION,
        "30s",
        "How long one attempt may take, at most `5m`. A command is killed after that.",
    ),
];

/// `[notices.target.NAME]` with `kind = "command"`
pub(crate) static COMMAND: &[Key] = &[
    required(
        "command",
        "a list such as [\"/usr/local/bin/tell-me\"]",
        "The program, with its whole path, and its arguments. No shell reads them, and nothing of the environment is passed on.",
    ),
    optional(
        "template",
        TEMPLATE,
        "What the command gets on its standard input, instead of the JSON.",
    ),
];

/// `[notices.target.NAME]` with `kind = "webhook"`
pub(crate) static WEBHOOK: &[Key] = &[
    required(
        "url",
        A_SECRET,
        "The address to which the JSON is posted. Plain http goes to this machine only.",
    ),
    optional(
        "headers",
        "a table of texts or secrets",
        "Extra request headers.",
    ),
];

/// `[notices.target.NAME]` with `kind = "message"`
pub(crate) static MESSAGE: &[Key] = &[
    required(
        "url",
        A_SECRET,
        "The address to which the message is posted, as JSON. Plain http goes to this machine only.",
    ),
    optional(
        "headers",
        "a table of texts or secrets",
        "Extra request headers.",
    ),
    defaults("template", TEMPLATE, "{{ text }}", "The message."),
    defaults(
        "text_field",
        "a name",
        "text",
        "The field of the JSON that holds the message.",
    ),
    optional(
        "fields",
        "a table of texts, secrets, whole numbers or true and false",
        "The other fields of the JSON, such as `chat_id`.",
    ),
];

/// `[schedule]`
pub(crate) static SCHEDULE: &[Key] = &[
    optional(
        "time_zone",
        "an IANA zone such as \"Europe/Moscow\"",
        "By which clock the cron lines are read; without it by that of the first bridge's first platform.",
    ),
    defaults(
        "sweep",
        CRON,
        "30 3 * * *",
        "When every bridge gets a full pass, besides the one at each start. It cannot be switched off: without it removals could go unnoticed.",
    ),
    defaults(
        "retention",
        "a cron line or \"off\"",
        "10 4 * * *",
        "When what is over for longer than `keep` is forgotten.",
    ),
    defaults(
        "upkeep",
        "a cron line or \"off\"",
        "40 4 * * 0",
        "When the database is checked and tidied.",
    ),
    defaults(
        "jitter",
        DURATION,
        "10m",
        "Each of them begins up to so much later, by chance, at most `6h`: others have the same hours.",
    ),
    defaults(
        "keep",
        DURATION,
        "400d",
        "How long settled operations, closed conflicts and past runs are kept, at least `30d`. Links and what keeps a removed booking from coming back are never forgotten.",
    ),
];

/// `[platform.NAME]`, whatever its kind.
pub(crate) static PLATFORM: &[Key] = &[
    required(
        "kind",
        "the kind of platform",
        "Which booking system the account is on.",
    ),
    optional(
        "base_url",
        "an https address",
        "Where the platform is, without a path. Required on AlfaCRM, where each account has its own; the other kinds know theirs. Plain http goes to this machine only.",
    ),
    optional(
        "time_zone",
        "an IANA zone such as \"Europe/Moscow\"",
        "The zone of the account's clock. Required where the platform does not tell it; elsewhere it saves asking in every run.",
    ),
    optional(
        "webhook_token",
        A_SECRET,
        "The secret part of the webhook URL: letters, digits, `-` and `_`.",
    ),
    optional(
        "quota",
        "a list such as [\"5/1s\", \"200/60s\"]",
        "Limits of calls instead of the kind's own; all of them hold at once.",
    ),
    optional(
        "parallel",
        "a whole number",
        "The most calls at the same time, instead of the kind's own.",
    ),
    optional(
        "poll_every",
        DURATION,
        "How often to look for changes, instead of the interval planned from the quota.",
    ),
    defaults("timeout", DURATION, "30s", "How long one call may take."),
    defaults(
        "default_country",
        "two capital letters",
        "RU",
        "The country in which phones without a country code are read.",
    ),
    defaults(
        "contacts",
        "\"real\" or \"sink\"",
        "real",
        "Whose contacts the platform gets: the client's, or those of `sink_email` and `sink_phone`. On SimplyBook.me, which writes to clients about every booking, the default is `sink`.",
    ),
    optional(
        "sink_email",
        "an e-mail address",
        "Stands in for clients' addresses with `contacts = \"sink\"`.",
    ),
    optional(
        "sink_phone",
        "a phone",
        "Stands in for clients' phones with `contacts = \"sink\"`.",
    ),
    defaults(
        "busy_name",
        "a name",
        "Busy",
        "The client's name in an anonymous block.",
    ),
    optional(
        "headers",
        "a table of texts or secrets",
        "Extra request headers.",
    ),
];

/// A secret that stands elsewhere.
pub(crate) static SECRET: &[Key] = &[
    optional("env", "a name", "An environment variable."),
    optional(
        "file",
        "a path",
        "A file; one newline at its end is cut off. A relative path starts at the config file's folder.",
    ),
    optional(
        "credential",
        "a name",
        "A systemd credential (`LoadCredential=`), found in `$CREDENTIALS_DIRECTORY`.",
    ),
];

/// `[[bridge]]`
pub(crate) static BRIDGE: &[Key] = &[
    required(
        "name",
        "a name",
        "The name in reports and on the command line.",
    ),
    required(
        "platforms",
        "a list of platform names",
        "The accounts that are kept in step, at least two. The first one's clock is used where one is needed.",
    ),
    defaults(
        "window_past",
        DURATION,
        "1d",
        "How far back bookings are kept in step, at most `366d`.",
    ),
    defaults(
        "window_future",
        DURATION,
        "60d",
        "How far ahead, from `1h` to `732d`.",
    ),
    defaults(
        "conflict",
        "\"newest\", \"ask\" or { prefer = [\"salon\"] }",
        "newest",
        "Who wins when two platforms changed the same field: the latest change, the first platform of a list, or nobody until a person decides.",
    ),
    defaults(
        "on_removed_and_edited",
        "\"ask\", \"remove\" or \"keep\"",
        "ask",
        "What happens to a booking that one platform removed and another edited.",
    ),
    defaults(
        "share",
        "\"full\" or \"busy\"",
        "full",
        "What copies carry: everything that the platform can hold, or the time only.",
    ),
    defaults(
        "overlap",
        "\"hold\" or \"push\"",
        "hold",
        "Whether a booking is written to a platform where its time is taken by another one.",
    ),
    defaults(
        "removals",
        "\"propagate\" or \"hold\"",
        "propagate",
        "Whether removals travel, within the guard's limits, or are only listed.",
    ),
    optional(
        "direction",
        "a table of platform names",
        "Per platform `\"both\"` (the default), `\"from\"`: only read, or `\"to\"`: only written.",
    ),
    optional(
        "guard",
        "a table",
        "Limits of this bridge; what is absent is as in `[guard]`.",
    ),
    optional(
        "resource",
        "tables [[bridge.resource]]",
        "Who or what can be booked.",
    ),
    optional("service", "tables [[bridge.service]]", "What can be done."),
];

/// `conflict = { … }`
pub(crate) static PREFER: &[Key] = &[required(
    "prefer",
    "a list of platform names",
    "The platforms in the order in which they win.",
)];

/// `[[bridge.resource]]`, besides the names of the bridge's platforms.
pub(crate) static RESOURCE: &[Key] = &[required(
    "name",
    "a name",
    "The bridge's name for the person or room.",
)];

/// `[[bridge.service]]`, besides the names of the bridge's platforms.
pub(crate) static SERVICE: &[Key] = &[
    required("name", "a name", "The bridge's name for the service."),
    optional(
        "duration",
        DURATION,
        "How long it takes, where a platform does not say. Required on a Rubitime platform.",
    ),
];

/// Names that a platform cannot have, because they stand next to platform names in a table.
pub(crate) const RESERVED: [&str; 2] = ["name", "duration"];
