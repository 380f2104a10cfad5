//! Tokens that are refused.

use serde_json::json;

use super::{By, Flip, NOBODY, Token, claim, drop_claim, flip, seconds_from_now};
use crate::issuer::Issuer;

/// What is wrong with the token, or with there being none.
pub const TOKENS: &[Flip] = &[
    flip("no login", |w| w.logged_in = false, By(NOBODY)),
    flip(
        "wrong issuer",
        |w| claim(w, "iss", json!("https://elsewhere.example.org")),
        Token("the token is from `https://elsewhere.example.org`, whom this site does not trust"),
    ),
    flip("wrong audience", |w| claim(w, "aud", json!("another")), Token("the token is for `another`, not for `sluis`")),
    flip(
        "several audiences without azp",
        |w| claim(w, "aud", json!(["sluis", "another"])),
        Token("the token is for several parties and does not say which of them asked for it (`azp`)"),
    ),
    flip(
        "alg none",
        |w| w.sign = |_, _, claims| Issuer::unsigned(&claims.to_string()),
        Token("the token is not signed (its algorithm is `none`)"),
    ),
    flip(
        "HMAC with the public key",
        |w| w.sign = |issuer, _, claims| issuer.sign_with_hmac(&claims.to_string()),
        Token("the token is signed with the shared-secret algorithm `HS256`"),
    ),
    flip("algorithm of another key type", |w| w.header["alg"] = json!("RS256"), Token("is not one for RS256")),
    flip("expired", |w| claim(w, "exp", seconds_from_now(-3600)), Token("the token expired at")),
    flip("not yet valid", |w| claim(w, "nbf", seconds_from_now(3600)), Token("the token is not valid before")),
    flip(
        "issued in the future",
        |w| claim(w, "iat", seconds_from_now(3600)),
        Token("the token says that it was issued at"),
    ),
    flip("no expiry", |w| drop_claim(w, "exp"), Token("the token has no claim `exp`")),
    flip("no subject", |w| drop_claim(w, "sub"), Token("the token has no claim `sub`")),
    flip("unknown key", |w| w.header["kid"] = json!("two"), Token("has no key `two`")),
    flip(
        "a path for a key",
        |w| w.header["kid"] = json!("../../etc/passwd"),
        Token("the token names its key `../../etc/passwd`, which is no name of a key"),
    ),
    flip("a critical extension", |w| w.header["crit"] = json!(["b64"]), Token("the token demands extensions (`crit`)")),
    flip(
        "a key of its own",
        |w| w.header["jwk"] = json!({ "kty": "EC" }),
        Token("the token brings its own key (`jwk` in its header)"),
    ),
    flip(
        "keys from elsewhere",
        |w| w.header["jku"] = json!("http://127.0.0.1:1/keys"),
        Token("the token says itself where its key is (`jku` in its header)"),
    ),
    flip(
        "signed with another key",
        |w| w.sign = |issuer, header, claims| issuer.sign_with_another_key(header, &claims.to_string()),
        Token("the signature is wrong: the token was changed, or signed by somebody else"),
    ),
    flip(
        "not a token",
        |w| w.sign = |_, _, _| "x.y".to_owned(),
        Token("this is no signed token: it does not have three parts"),
    ),
    flip("empty", |w| w.sign = |_, _, _| String::new(), Token("this is no signed token: it does not have three parts")),
    flip("huge", |w| claim(w, "more", json!("x".repeat(1 << 20))), Token("more than 262144 are not read")),
    flip(
        "deeply nested",
        |w| w.sign = |issuer, header, _| issuer.sign(header, &format!("{}{}", "[".repeat(5000), "]".repeat(5000))),
        Token("the token's body is nested too deeply"),
    ),
    flip(
        "a claim twice",
        |w| {
            w.sign = |issuer, header, claims| {
                issuer.sign(header, &claims.to_string().replacen('{', "{\"sub\":\"other\",", 1))
            }
        },
        Token("the token's body names `sub` twice"),
    ),
    flip(
        "another login's nonce",
        |w| w.expected.nonce = Some("n-2"),
        Token("the token does not answer this login (its `nonce` is another one)"),
    ),
    flip(
        "replayed",
        |w| (w.expected.single_use, w.shown) = (true, 2),
        Token("the token was used before, and may be used only once"),
    ),
    flip(
        "several factors demanded, none stated",
        |w| {
            w.expected.multi_factor = true;
            drop_claim(w, "acr");
        },
        Token("the token does not say how the person logged in (`acr`)"),
    ),
];
