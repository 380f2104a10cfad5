//! The versions of the standard, and what older ones do not have (the change logs of CWL v1.1 and v1.2).

use sluis_yaml::{Content, Diagnostic, Diagnostics, Node, Span, nearest};

/// A version of the standard.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Version {
    /// v1.0
    V1_0,
    /// v1.1
    V1_1,
    /// v1.2
    V1_2,
}

/// Requirements that came with v1.1.
const SINCE_1_1: [&str; 5] =
    ["WorkReuse", "NetworkAccess", "InplaceUpdateRequirement", "ToolTimeLimit", "LoadListingRequirement"];

impl Version {
    const ALL: [Self; 3] = [Self::V1_0, Self::V1_1, Self::V1_2];

    /// The version of that name. Versions under development (`v1.2.0-dev3`) count as what they became.
    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|version| {
            let rest = name.strip_prefix(version.name());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(".dev") || rest.starts_with(".0-dev"))
        })
    }

    const fn name(self) -> &'static str {
        match self {
            Self::V1_0 => "v1.0",
            Self::V1_1 => "v1.1",
            Self::V1_2 => "v1.2",
        }
    }

    /// The version of a process or a document: what it says itself, or else what holds where it stands.
    ///
    /// A version that cannot be read is reported, and taken for the newest.
    pub fn of(node: &Node, outer: Option<Self>, problems: &mut Diagnostics) -> Option<Self> {
        let Some(said) = node.get("cwlVersion") else { return outer };
        let help = "sluis reads v1.0, v1.1 and v1.2";
        let Some(name) = said.as_str() else {
            let message = format!("`cwlVersion` must be a text such as `v1.2`, but is {}", said.kind());
            problems.push(Diagnostic::error(&said.span, message).help(help));
            return Some(Self::V1_2);
        };
        let version = Self::named(name);
        if version.is_none() {
            let near = nearest(name, Self::ALL.map(Self::name)).filter(|_| !name.starts_with("v1.3"));
            problems.push(match near {
                Some(near) => Diagnostic::error(&said.span, format!("there is no version `{name}` of CWL"))
                    .help(format!("did you mean `{near}`?")),
                None => Diagnostic::unsupported(&said.span, format!("cwlVersion `{name}` is not supported")).help(help),
            });
        }
        version.or(Some(Self::V1_2))
    }

    /// As [`Self::of`], but it is an error if none is said anywhere.
    pub fn required(node: &Node, outer: Option<Self>, problems: &mut Diagnostics) -> Self {
        Self::of(node, outer, problems).unwrap_or_else(|| {
            let problem = Diagnostic::error(&Span::start_of(&*node.span.file), "the document has no `cwlVersion`");
            problems.push(problem.help("write `cwlVersion: v1.2` at its top"));
            Self::V1_2
        })
    }

    /// Reports everything in a process that this version does not have yet. Processes within it are left out.
    pub fn check(self, process: &Node, problems: &mut Diagnostics) {
        if self == Self::V1_2 {
            return;
        }
        let mut check = Check { version: self, problems };
        if let Some(class) = process.get("class").filter(|class| class.as_str() == Some("Operation")) {
            check.later(Self::V1_2, &class.span, "Operation");
        }
        check.field(Self::V1_2, process, "intent");
        check.requirements(process);
        for (_, item) in items(process, "inputs").chain(items(process, "outputs")) {
            check.parameter(item);
        }
        for (_, step) in items(process, "steps") {
            check.field(Self::V1_2, step, "when");
            check.requirements(step);
            for (_, input) in items(step, "in") {
                check.field(Self::V1_2, input, "pickValue");
                check.field(Self::V1_1, input, "loadContents");
                check.field(Self::V1_1, input, "loadListing");
            }
        }
    }
}

/// What older versions do not have, on the way through a process.
struct Check<'p> {
    version: Version,
    problems: &'p mut Diagnostics,
}

impl Check<'_> {
    fn later(&mut self, since: Version, at: &Span, what: &str) {
        if self.version < since {
            let message = format!("{what} came with CWL {}, but this is {}", since.name(), self.version.name());
            let help = format!("write `cwlVersion: {}`", since.name());
            self.problems.push(Diagnostic::error(at, message).help(help));
        }
    }

    fn field(&mut self, since: Version, node: &Node, name: &str) {
        if let Some(field) = node.as_mapping().and_then(|fields| fields.get(name)) {
            self.later(since, &field.key, &format!("`{name}`"));
        }
    }

    fn parameter(&mut self, parameter: &Node) {
        self.field(Version::V1_2, parameter, "pickValue");
        self.field(Version::V1_1, parameter, "loadContents");
        self.field(Version::V1_1, parameter, "loadListing");
        let files = parameter.get("secondaryFiles");
        let listed = files.and_then(Node::as_sequence).unwrap_or_default();
        for file in listed.iter().chain(files) {
            self.field(Version::V1_1, file, "pattern");
        }
    }

    fn requirements(&mut self, process: &Node) {
        for (at, class, _) in classes(process, "requirements") {
            if SINCE_1_1.contains(&class) {
                self.later(Version::V1_1, at, class);
            }
        }
        for (_, class, item) in classes(process, "requirements").chain(classes(process, "hints")) {
            let fields = item.as_mapping().into_iter().flatten();
            for (_, field) in fields.filter(|_| class == "ResourceRequirement") {
                if matches!(field.node.value, Content::Float(_)) {
                    self.later(Version::V1_2, &field.node.span, "a fraction of a resource");
                }
            }
        }
    }
}

/// The entries of a list or mapping: where each begins, and what stands there.
fn items<'n>(node: &'n Node, name: &str) -> impl Iterator<Item = (&'n Span, &'n Node)> {
    let list = node.get(name);
    let of_mapping = list.and_then(Node::as_mapping).into_iter().flatten();
    let of_sequence = list.and_then(Node::as_sequence).unwrap_or_default();
    of_mapping.map(|(_, field)| (&field.key, &field.node)).chain(of_sequence.iter().map(|item| (&item.span, item)))
}

/// The entries of a list or mapping of requirements, with the class of each.
fn classes<'n>(node: &'n Node, name: &str) -> impl Iterator<Item = (&'n Span, &'n str, &'n Node)> {
    let list = node.get(name);
    let of_mapping = list.and_then(Node::as_mapping).into_iter().flatten();
    let of_sequence = list.and_then(Node::as_sequence).unwrap_or_default().iter();
    let of_mapping = of_mapping.map(|(class, field)| (&field.key, class.as_str(), &field.node));
    of_mapping.chain(of_sequence.filter_map(|item| {
        let class = item.get("class")?;
        Some((&class.span, class.as_str()?, item))
    }))
}
