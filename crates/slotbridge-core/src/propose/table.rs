//! From likeness to rows: what is joined, what is a maybe, and what is left alone.

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BTreeSet};

use super::likeness::{self, Likeness, Reading};
use super::{Cell, Doubt, Known, Maybe, What};
use crate::model::PlatformName;

/// An entry while rows are made.
#[derive(Debug)]
struct Node<'a> {
    cell: &'a Cell,
    /// The row that it is in.
    group: usize,
}

/// A row while it is made.
#[derive(Debug, Default)]
struct Group<'a> {
    /// The row of the config that it began as.
    known: Option<&'a Known>,
    nodes: Vec<usize>,
    /// Platforms that have an id in it.
    platforms: BTreeSet<&'a PlatformName>,
}

impl Group<'_> {
    /// Whether nothing but one new entry is in it.
    fn is_single(&self) -> bool {
        self.known.is_none() && self.nodes.len() == 1
    }
}

/// Two entries that are alike, the first one's number being lower.
#[derive(Debug)]
struct Edge {
    one: usize,
    other: usize,
    likeness: Likeness,
}

/// For an entry and a platform: the best rank there, and how many have it.
type Best<'a> = BTreeMap<(usize, &'a PlatformName), (u32, usize)>;

/// A row before it has its name.
#[derive(Debug)]
pub(super) struct Draft<'a> {
    /// The row of the config that it completes.
    pub(super) known: Option<&'a Known>,
    pub(super) cells: Vec<Cell>,
    pub(super) maybes: Vec<Maybe>,
}

/// All entries, with how alike they are and which rows they are in.
#[derive(Debug)]
pub(super) struct Table<'a> {
    nodes: Vec<Node<'a>>,
    groups: Vec<Group<'a>>,
    edges: Vec<Edge>,
    /// The edges by the numbers of their ends, both ways.
    by_ends: BTreeMap<(usize, usize), usize>,
}

impl<'a> Table<'a> {
    pub(super) fn new(what: What, cells: &'a [Cell], known: &'a [Known]) -> Self {
        let mut table = Self {
            nodes: Vec::new(),
            groups: Vec::new(),
            edges: Vec::new(),
            by_ends: BTreeMap::new(),
        };
        let mut owners = BTreeMap::new();
        for row in known {
            for (platform, key) in &row.keys {
                owners.insert((platform, key.as_str()), table.groups.len());
            }
            table.groups.push(Group {
                known: Some(row),
                nodes: Vec::new(),
                platforms: row.keys.keys().collect(),
            });
        }
        for (number, cell) in cells.iter().enumerate() {
            let owner = owners
                .get(&(&cell.platform, cell.entry.key.as_str()))
                .copied();
            let group = owner.unwrap_or(table.groups.len());
            match table.groups.get_mut(group) {
                Some(group) => group.nodes.push(number),
                None => table.groups.push(Group {
                    known: None,
                    nodes: vec![number],
                    platforms: BTreeSet::from([&cell.platform]),
                }),
            }
            table.nodes.push(Node { cell, group });
        }
        table.compare(what);
        table
    }

    fn compare(&mut self, what: What) {
        let read: Vec<Reading<'_>> = self
            .nodes
            .iter()
            .map(|node| Reading::of(what, &node.cell.entry))
            .collect();
        for (one, first) in read.iter().enumerate() {
            for (other, second) in read.iter().enumerate().skip(one + 1) {
                if !self.may_meet(one, other) {
                    continue;
                }
                if let Some(likeness) = likeness::compare(what, first, second) {
                    let number = self.edges.len();
                    self.by_ends.insert((one, other), number);
                    self.by_ends.insert((other, one), number);
                    self.edges.push(Edge {
                        one,
                        other,
                        likeness,
                    });
                }
            }
        }
    }

    fn node(&self, number: usize) -> &Node<'a> {
        self.nodes.get(number).expect("nodes are never taken away")
    }

    fn group(&self, number: usize) -> &Group<'a> {
        self.groups
            .get(number)
            .expect("groups are never taken away")
    }

    fn platform(&self, node: usize) -> &'a PlatformName {
        &self.node(node).cell.platform
    }

    fn edge(&self, one: usize, other: usize) -> Option<&Edge> {
        self.edges.get(*self.by_ends.get(&(one, other))?)
    }

    /// Whether the rows of two entries can become one: of no platform would it have two ids.
    fn may_meet(&self, one: usize, other: usize) -> bool {
        let (one, other) = (self.node(one).group, self.node(other).group);
        let (first, second) = (self.group(one), self.group(other));
        one != other
            && (first.known.is_none() || second.known.is_none())
            && first.platforms.is_disjoint(&second.platforms)
    }

    /// The best of every platform for every entry, over these edges.
    fn best<'e>(&self, edges: impl Iterator<Item = &'e Edge>) -> Best<'a> {
        let mut best = Best::new();
        for edge in edges {
            for (from, to) in [(edge.one, edge.other), (edge.other, edge.one)] {
                let found = best.entry((from, self.platform(to))).or_insert((0, 0));
                match edge.likeness.rank.cmp(&found.0) {
                    Ordering::Greater => *found = (edge.likeness.rank, 1),
                    Ordering::Equal => found.1 += 1,
                    Ordering::Less => {}
                }
            }
        }
        best
    }

    /// With how many others each end of an edge shares the first place at the other; `None` when an end is not first.
    fn shared_first(&self, edge: &Edge, best: &Best<'a>) -> Option<usize> {
        let place = |from, to| {
            let (rank, number) = best.get(&(from, self.platform(to)))?;
            (*rank == edge.likeness.rank).then_some(*number)
        };
        Some(place(edge.one, edge.other)?.max(place(edge.other, edge.one)?))
    }

    /// Joins what is sure, the most alike first.
    pub(super) fn join_sure(&mut self) {
        let best = self.best(self.edges.iter());
        let mut sure: Vec<(Reverse<u32>, usize, usize)> = self
            .edges
            .iter()
            .filter(|edge| {
                edge.likeness.doubts.is_empty() && self.shared_first(edge, &best) == Some(1)
            })
            .map(|edge| (Reverse(edge.likeness.rank), edge.one, edge.other))
            .collect();
        sure.sort_unstable();
        let pairs: BTreeSet<(usize, usize)> = sure
            .iter()
            .flat_map(|(_, one, other)| [(*one, *other), (*other, *one)])
            .collect();
        for (_, one, other) in sure {
            let (into, from) = (self.node(one).group, self.node(other).group);
            if self.may_meet(one, other) && self.all_sure(into, from, &pairs) {
                self.join(into, from);
            }
        }
    }

    /// Whether every entry of one row is the sure match of every entry of the other. What the user has put into a row
    /// of the config need not be alike.
    fn all_sure(&self, one: usize, other: usize, pairs: &BTreeSet<(usize, usize)>) -> bool {
        let (one, other) = (self.group(one), self.group(other));
        if one.known.is_some() || other.known.is_some() {
            return true;
        }
        one.nodes.iter().all(|first| {
            other
                .nodes
                .iter()
                .all(|second| pairs.contains(&(*first, *second)))
        })
    }

    fn join(&mut self, one: usize, other: usize) {
        // A row of the config stays what it is.
        let (into, from) = if self.group(other).known.is_some() {
            (other, one)
        } else {
            (one, other)
        };
        let Some(gone) = self.groups.get_mut(from).map(std::mem::take) else {
            return;
        };
        for node in &gone.nodes {
            if let Some(node) = self.nodes.get_mut(*node) {
                node.group = into;
            }
        }
        if let Some(group) = self.groups.get_mut(into) {
            group.nodes.extend(gone.nodes);
            group.nodes.sort_unstable();
            group.platforms.extend(gone.platforms);
        }
    }

    /// Links every entry that is alone to what may be the same, and makes rows of what hangs together.
    pub(super) fn settle(&self) -> Vec<Draft<'a>> {
        let open: Vec<&Edge> = self
            .edges
            .iter()
            .filter(|edge| {
                let single = |node| self.group(self.node(node).group).is_single();
                self.may_meet(edge.one, edge.other) && (single(edge.one) || single(edge.other))
            })
            .collect();
        let best = self.best(open.iter().copied());
        let mut links: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
        for edge in open {
            let first = self.shared_first(edge, &best);
            if first.is_none() || (edge.likeness.is_faint() && first != Some(1)) {
                continue;
            }
            let (one, other) = (self.node(edge.one).group, self.node(edge.other).group);
            links.entry(one).or_default().insert(other);
            links.entry(other).or_default().insert(one);
        }
        let mut done = BTreeSet::new();
        let mut drafts = Vec::new();
        for (number, group) in self.groups.iter().enumerate() {
            if group.nodes.is_empty() || !done.insert(number) {
                continue;
            }
            let mut together = vec![number];
            let mut next = 0;
            while let Some(group) = together.get(next) {
                let linked = links.get(group).into_iter().flatten();
                together.extend(
                    linked
                        .filter(|group| done.insert(**group))
                        .collect::<Vec<_>>(),
                );
                next += 1;
            }
            together.sort_unstable();
            drafts.extend(self.drafts(&together, &links));
        }
        drafts
    }

    /// The rows of groups that hang together.
    fn drafts(
        &self,
        together: &[usize],
        links: &BTreeMap<usize, BTreeSet<usize>>,
    ) -> Vec<Draft<'a>> {
        let (singles, firm): (Vec<usize>, Vec<usize>) = together
            .iter()
            .partition(|group| self.group(**group).is_single());
        let linked =
            |one: usize, other: usize| links.get(&one).is_some_and(|all| all.contains(&other));
        let centre = match *firm {
            [] => singles
                .iter()
                .copied()
                .find(|single| self.can_lead(*single, &singles, linked)),
            [only] if singles.iter().all(|single| linked(only, *single)) => Some(only),
            _ => None,
        };
        let mut drafts: Vec<Draft<'a>> = firm
            .iter()
            .filter(|group| Some(**group) != centre)
            .map(|group| self.draft(*group, &[]))
            .collect();
        if let Some(centre) = centre {
            let others: Vec<usize> = singles
                .into_iter()
                .filter(|single| *single != centre)
                .collect();
            drafts.push(self.draft(centre, &others));
        } else if !singles.is_empty() {
            let active = |group: &usize| {
                self.group(*group)
                    .nodes
                    .iter()
                    .any(|node| self.node(*node).cell.entry.active)
            };
            if singles.iter().any(active) {
                drafts.push(self.knot(&singles, links));
            }
        }
        drafts
    }

    /// Whether all the others can be maybes of this one: it can be booked, it is the only one of its platform, and they
    /// are like it and not only like each other.
    fn can_lead(
        &self,
        single: usize,
        singles: &[usize],
        linked: impl Fn(usize, usize) -> bool,
    ) -> bool {
        let group = self.group(single);
        let active = group
            .nodes
            .iter()
            .all(|node| self.node(*node).cell.entry.active);
        active
            && singles.iter().all(|other| {
                *other == single
                    || (linked(single, *other)
                        && group.platforms.is_disjoint(&self.group(*other).platforms))
            })
    }

    fn cell(&self, node: usize) -> Cell {
        self.node(node).cell.clone()
    }

    /// A row with what may belong to it.
    fn draft(&self, group: usize, others: &[usize]) -> Draft<'a> {
        let group = self.group(group);
        let owned = |node: &&usize| {
            let cell = self.node(**node).cell;
            let key = group.known.and_then(|known| known.keys.get(&cell.platform));
            key != Some(&cell.entry.key)
        };
        let nodes = others.iter().flat_map(|other| &self.group(*other).nodes);
        let maybes = nodes.clone().map(|node| {
            let rivals = nodes
                .clone()
                .filter(|rival| *rival != node && self.platform(**rival) == self.platform(*node));
            Maybe {
                cell: self.cell(*node),
                doubts: self.doubts(
                    *node,
                    &group.nodes,
                    rivals.map(|rival| self.cell(*rival)).collect(),
                ),
            }
        });
        Draft {
            known: group.known,
            maybes: maybes.collect(),
            cells: group
                .nodes
                .iter()
                .filter(owned)
                .map(|node| self.cell(*node))
                .collect(),
        }
    }

    /// Why an entry is not simply in a row of these.
    fn doubts(&self, node: usize, row: &[usize], rivals: Vec<Cell>) -> Vec<Doubt> {
        let edges: Vec<Option<&Edge>> = row.iter().map(|member| self.edge(node, *member)).collect();
        let best = edges
            .iter()
            .flatten()
            .max_by_key(|edge| (edge.likeness.rank, Reverse(edge.one), Reverse(edge.other)));
        let mut doubts = best.map_or_else(Vec::new, |edge| edge.likeness.doubts.clone());
        if !rivals.is_empty() {
            doubts.push(Doubt::Several(rivals));
        }
        let unlike = |edge: Option<&Edge>| edge.is_none_or(|edge| !edge.likeness.doubts.is_empty());
        if doubts.is_empty() && edges.iter().copied().any(unlike) {
            doubts.push(Doubt::Loose);
        }
        if doubts.is_empty() {
            doubts.push(Doubt::Leftover);
        }
        doubts
    }

    /// Entries that fit each other, or rows, in more than one way: each is named with all that it fits.
    fn knot(&self, singles: &[usize], links: &BTreeMap<usize, BTreeSet<usize>>) -> Draft<'a> {
        let maybes = singles.iter().flat_map(|single| {
            let linked = links.get(single).into_iter().flatten();
            let rivals: Vec<Cell> = linked
                .flat_map(|group| &self.group(*group).nodes)
                .map(|node| self.cell(*node))
                .collect();
            self.group(*single).nodes.iter().map(move |node| Maybe {
                cell: self.cell(*node),
                doubts: vec![Doubt::Several(rivals.clone())],
            })
        });
        Draft {
            known: None,
            cells: Vec::new(),
            maybes: maybes.collect(),
        }
    }
}
