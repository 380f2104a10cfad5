//! Every flip of a fact.

use serde_json::json;

use crate::world::World;

mod consents;
mod people;
mod programs;
mod requests;
mod tokens;

pub use consents::{CONSENTS, TERMS};
pub use people::{NETWORKS, PEOPLE, PROJECTS};
pub use programs::PROGRAMS;
pub use requests::REQUESTS;
pub use tokens::TOKENS;

/// A policy, and a part of what it says.
pub type Against = (&'static str, &'static str);

/// How a flip is refused.
pub enum Refused {
    /// The token is refused, with a message that says this; and so is the request, as that of nobody.
    Token(&'static str),
    /// This policy alone, or these, are against it, each once, and say this.
    By(&'static [Against]),
    /// A visa is set aside for a reason that says this, and so these policies are against it.
    SetAside(&'static str, &'static [Against]),
    /// The site is not opened, with a message that says this. Nothing of it changes.
    Closed(&'static str),
}

/// What is against somebody who is not logged in.
pub const NOBODY: &[Against] = &[
    ("declared-person", "the person somebody who is not logged in is not in the registry"),
    ("membership", "somebody who is not logged in is not a member of the project neuroblastoma"),
    ("multi-factor", "somebody who is not logged in logged in without a second factor"),
    ("login-of-today", "it is not known when somebody who is not logged in logged in"),
    (
        "trusted-institution",
        "the institution of somebody who is not logged in is not among those that this site trusts: no institution",
    ),
    ("valid-training", "no training of somebody who is not logged in is on record"),
    ("verified-identity", "no trusted issuer has verified that somebody who is not logged in is who they say"),
];

pub use Refused::{By, Closed, SetAside, Token};

pub struct Flip {
    pub name: &'static str,
    pub flip: fn(&mut World),
    pub refused: Refused,
}

impl Flip {
    /// All that is to be said.
    pub fn says(&self) -> Vec<&'static str> {
        match self.refused {
            Token(text) | Closed(text) => vec![text],
            By(against) => against.iter().map(|(_, text)| *text).collect(),
            SetAside(text, against) => against.iter().map(|(_, text)| *text).chain([text]).collect(),
        }
    }
}

pub const fn flip(name: &'static str, flip: fn(&mut World), refused: Refused) -> Flip {
    Flip { name, flip, refused }
}

fn claim(world: &mut World, name: &str, value: serde_json::Value) {
    world.claims[name] = value;
}

fn drop_claim(world: &mut World, name: &str) {
    world.claims.as_object_mut().unwrap().remove(name);
}

pub fn seconds_from_now(seconds: i64) -> serde_json::Value {
    json!(jiff::Timestamp::now().as_second() + seconds)
}
