//! A key in Cloud KMS: the server is a real one on this machine, with TLS, and is asked with a token that a service account
//! signed.

use std::{
    fs,
    net::TcpStream,
    path::Path,
    process::Command,
    sync::{Arc, OnceLock},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use serde_json::{Value as Json, json};

use super::{done, key_file, keygen, private, put};
use crate::{
    google::{Fault, Google, error},
    test_site::{Ran, TestSite},
    wire::{Request, header},
};

const KEY: &str = "projects/institute/locations/europe-west3/keyRings/sluis/cryptoKeys/site";

/// The certificate of the server, its key, which is the service account's, too, and the texts of both.
fn certificate() -> &'static (String, String) {
    static MADE: OnceLock<(String, String)> = OnceLock::new();
    MADE.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let mut openssl = Command::new("openssl");
        openssl.args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]);
        openssl.args(["-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=critical,CA:FALSE"]);
        openssl.args(["-keyout", "key.pem", "-out", "certificate.pem"]).current_dir(&folder);
        done(&Ran::of(&openssl.output().unwrap()));
        let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
        (read("certificate.pem"), read("key.pem"))
    })
}

fn google() -> Google {
    let (certificate, key) = certificate();
    let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = Arc::new(config.with_no_client_auth().with_single_cert(chain, key).unwrap());
    let wrap = move |stream: TcpStream| StreamOwned::new(ServerConnection::new(Arc::clone(&config)).unwrap(), stream);
    let google = Google::start_with(wrap);
    google.rotate(KEY);
    google
}

/// A site that knows where the server is, and is somebody to it.
struct Setup {
    site: TestSite,
    google: Arc<Google>,
}

impl Setup {
    fn new() -> Self {
        Self::beside(Arc::new(google()))
    }

    /// Another site at the same server.
    fn beside(google: Arc<Google>) -> Self {
        let (site, (certificate, key)) = (TestSite::new(), certificate());
        site.write("certificate.pem", certificate);
        let account = json!({
            "type": "service_account", "client_email": "sluis@institute.iam.gserviceaccount.com",
            "private_key_id": "1", "private_key": key,
        });
        private(&site, "account.json", &account.to_string());
        let text = format!("endpoint: https://localhost:{}\n", google.address.port());
        fs::write(key_file(&site, "kms.yaml"), text).unwrap();
        Self { site, google }
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        let mut command = self.site.command(arguments);
        command.env("SSL_CERT_FILE", self.site.path("certificate.pem"));
        command.env("GOOGLE_APPLICATION_CREDENTIALS", self.site.path("account.json"));
        Ran::of(&command.output().unwrap())
    }

    /// A site whose key is protected.
    fn protected() -> Self {
        let setup = Self::new();
        done(&setup.run(&["key", "kms", KEY]));
        setup.google.asked();
        setup
    }

    fn status(&self) -> Json {
        self.run(&["--json", "key", "status"]).json()
    }

    fn show(&self, address: &str) -> Ran {
        self.run(&["show", address])
    }
}

#[test]
fn a_key_in_kms_opens_the_site_and_keeps_doing_so_through_a_rotation() {
    let setup = Setup::new();
    let (site, google) = (&setup.site, &setup.google);
    let address = put(site, "text");
    let plain = fs::read_to_string(key_file(site, "site.sec")).unwrap();
    let protected = setup.run(&["key", "kms", KEY]);
    done(&protected);
    for says in ["version 1 of projects/institute", "which Google holds in software", "europe-west3", "recovery shares"]
    {
        assert!(protected.err.contains(says), "{says}: {}", protected.err);
    }
    let kept = fs::read_to_string(key_file(site, "site.sec")).unwrap();
    assert!(kept.starts_with(&format!("kms-wrapped-key: {KEY} ")), "{kept}");
    assert!(!kept.contains(plain.lines().nth(1).unwrap()));
    google.asked();

    // Each opening asks once, whatever is done then, as whom the credentials name.
    done(&setup.show(&address));
    let file = site.write("more", "b\na\n");
    let made = setup.run(&["--json", "put", &file]).json();
    let tool = site.write(
        "sort.cwl",
        "cwlVersion: v1.2\nclass: CommandLineTool\nbaseCommand: sort\ninputs: {reads: {type: File, inputBinding: {}}}\n\
         outputs: {out: stdout}\nstdout: sorted.txt\n",
    );
    let inputs = site
        .write("in.yml", &format!("reads: {{class: File, location: \"{}\"}}\n", made[0]["address"].as_str().unwrap()));
    let outputs = setup.run(&["run", &tool, &inputs]).json();
    let to = site.path("sorted.txt");
    done(&setup.run(&["export", outputs["out"]["location"].as_str().unwrap(), "--to", to.to_str().unwrap()]));
    assert_eq!(fs::read_to_string(to).unwrap(), "a\nb\n");
    let asked = google.asked();
    assert_eq!(asked.len(), 4, "one for each command");
    for request in &asked {
        assert_eq!(request.target, format!("/v1/{KEY}:decrypt"));
        let claims = claims(request);
        assert_eq!(claims["iss"], "sluis@institute.iam.gserviceaccount.com");
        assert_eq!(claims["scope"], "https://www.googleapis.com/auth/cloud-platform");
    }

    let before = setup.status();
    assert_eq!((&before["protection"], &before["kmsKey"]), (&json!("kms"), &json!(KEY)));
    assert!(setup.run(&["key", "status"]).out.contains(&format!("kms key     {KEY}")));
    done(&setup.run(&["key", "rotate"]));
    let after = setup.status();
    assert_ne!(after["publicKey"], before["publicKey"]);
    assert_eq!((&after["protection"], &after["kmsKey"], &after["rotation"]), (&json!("kms"), &json!(KEY), &Json::Null));
    done(&setup.show(&address));

    // The key's own rotation in KMS: what was encrypted goes over when it is protected anew.
    google.rotate(KEY);
    done(&setup.show(&address));
    assert!(setup.run(&["key", "kms", KEY]).err.contains("version 2 of"));
    google.set_state(KEY, 1, "DESTROYED");
    done(&setup.show(&address));

    // Back to a passphrase, which asks nobody.
    let passphrase = private(site, "passphrase", "one two\n");
    done(&setup.run(&["key", "passphrase", "--new-passphrase-file", &passphrase]));
    google.asked();
    let status = setup.run(&["--json", "key", "status", "--passphrase-file", &passphrase]).json();
    assert_eq!((&status["protection"], &status["kmsKey"]), (&json!("passphrase"), &Json::Null));
    done(&setup.run(&["show", &address, "--passphrase-file", &passphrase]));
    assert!(google.asked().is_empty());

    done(&setup.run(&["audit", "verify", "--passphrase-file", &passphrase]));
    let log = fs::read_to_string(site.site().join("audit/log.jsonl")).unwrap();
    let records = |action: &str| log.lines().filter(|line| line.contains(&format!("\"{action}\""))).count();
    assert_eq!((records("protect-key-by-kms"), records("protected-key-by-kms")), (2, 2), "{log}");
    assert!(
        log.contains(&format!("\"kms-key\":\"{KEY}\",\"kms-protection\":\"software\",\"kms-version\":\"2\"")),
        "{log}"
    );
}

/// What a token says.
fn claims(request: &Request) -> Json {
    let token = header(&request.headers, "authorization").unwrap().strip_prefix("Bearer ").unwrap();
    let claims = base64::prelude::BASE64_URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    serde_json::from_slice(&claims).unwrap()
}

#[test]
fn a_site_is_of_no_use_when_kms_refuses() {
    let setup = Setup::protected();
    let google = &setup.google;
    let address = setup.run(&["--json", "put", &setup.site.write("data", "text")]).json()[0]["address"].clone();
    let address = address.as_str().unwrap();
    let refused = "Permission 'cloudkms.cryptoKeyVersions.useToDecrypt' denied.";
    google.always(Fault::Say(403, error(403, "PERMISSION_DENIED", refused, &json!([]))));
    for command in
        [&["ls"][..], &["show", address], &["put", &setup.site.write("more", "x")], &["key", "passphrase", "--remove"]]
    {
        setup
            .run(command)
            .failed(6, &["Cloud KMS does not open the site's key", KEY, "roles/cloudkms.cryptoKeyEncrypterDecrypter"]);
    }
    google.always(None);
    for (state, remedy) in [("DISABLED", "versions enable"), ("DESTROY_SCHEDULED", "versions restore")] {
        google.set_state(KEY, 1, state);
        setup.show(address).failed(6, &[KEY, state, remedy]);
    }
    google.set_state(KEY, 1, "ENABLED");
    // What passes by itself is not seen.
    google.next([Fault::Page(503), Fault::CutBefore]);
    done(&setup.show(address));
    let credentials = setup.site.path("account.json");
    fs::remove_file(&credentials).unwrap();
    setup.show(address).failed(6, &["no usable credentials for Google Cloud", "GOOGLE_APPLICATION_CREDENTIALS"]);
}

#[test]
fn a_key_that_may_not_be_used_changes_nothing() {
    let setup = Setup::new();
    let path = key_file(&setup.site, "site.sec");
    let plain = fs::read_to_string(&path).unwrap();
    let at = |location: &str| KEY.replace("europe-west3", location);
    for (name, says) in [
        (at("global"), "anywhere"),
        (at("europe"), "several places"),
        (at("europe-west2"), "no region of Google Cloud in the European Union"),
        (format!("{KEY}/cryptoKeyVersions/1"), "one version of a key"),
        ("site".to_owned(), "no key of Cloud KMS"),
    ] {
        setup.run(&["key", "kms", &name]).failed(2, &[says]);
    }
    assert!(setup.google.asked().is_empty(), "nobody is asked about them");
    setup.run(&["key", "kms", &KEY.replace("site", "none")]).failed(6, &["there is no key", "cryptoKeys/none"]);
    // Who can encrypt and not decrypt would never open the site again.
    let refused = error(403, "PERMISSION_DENIED", "Permission 'useToDecrypt' denied.", &json!([]));
    setup.google.next([Fault::Field("more", json!(1)), Fault::Say(403, refused)]);
    setup.run(&["key", "kms", KEY]).failed(6, &["does not open the site's key", "cryptoKeyEncrypterDecrypter"]);
    assert_eq!(fs::read_to_string(&path).unwrap(), plain);
    done(&setup.run(&["ls"]));

    for (config, says) in [
        ("endpoint: http://kms.example.org\n", "`endpoint`"),
        ("endpoint: https://localhost\nkey: x\n", "key"),
        ("", "kms.yaml"),
    ] {
        fs::write(key_file(&setup.site, "kms.yaml"), config).unwrap();
        setup.run(&["key", "kms", KEY]).failed(6, &["the file that names the server of Cloud KMS is not valid", says]);
    }
}

#[test]
fn what_was_changed_in_the_key_file_or_is_another_sites_does_not_open() {
    let setup = Setup::protected();
    let path = key_file(&setup.site, "site.sec");
    let kept = fs::read_to_string(&path).unwrap();
    let line = kept.lines().next().unwrap();
    let last = line.chars().last().unwrap();
    let flipped = format!("{}{}", &line[..line.len() - 1], if last == '0' { '1' } else { '0' });
    for (changed, code, says) in [
        (flipped, 6, "was encrypted with another key or for another site"),
        (line.replace("europe-west3", "global"), 4, "anywhere"),
        (line.replace("europe-west3", "us-east1"), 4, "no region of Google Cloud in the European Union"),
        (line.replace("projects/institute", ".."), 4, "no key of Cloud KMS"),
        (format!("kms-wrapped-key: {KEY}"), 6, "does not say what Cloud KMS is to decrypt"),
        (format!("kms-wrapped-key: {KEY} x"), 6, "does not say what Cloud KMS is to decrypt"),
        ("kms-wrapped-key: ".to_owned(), 6, "does not say what Cloud KMS is to decrypt"),
    ] {
        fs::write(&path, kept.replace(line, &changed)).unwrap();
        setup.run(&["ls"]).failed(code, &[says]);
    }
    fs::write(&path, &kept).unwrap();
    done(&setup.run(&["ls"]));

    let other = Setup::beside(Arc::clone(&setup.google));
    done(&other.run(&["key", "kms", KEY]));
    fs::write(key_file(&other.site, "site.sec"), &kept).unwrap();
    other.run(&["ls"]).failed(6, &["was encrypted with another key or for another site"]);
    let audit = fs::read_to_string(key_file(&setup.site, "audit.pub")).unwrap();
    fs::write(key_file(&setup.site, "audit.pub"), audit.replace(&audit[..2], "ff")).unwrap();
    setup.run(&["ls"]).failed(6, &["for another site"]);
}

#[test]
fn shares_restore_the_key_when_kms_has_lost_its_own() {
    let setup = Setup::protected();
    let site = &setup.site;
    let address = setup.run(&["--json", "put", &site.write("data", "text")]).json()[0]["address"].clone();
    let keys: Vec<_> = ["anna", "bram"].iter().map(|name| keygen(site, name)).collect();
    let outdir = site.path("shares");
    fs::create_dir(&outdir).unwrap();
    let made =
        ["--json", "key", "recovery", "--outdir", outdir.to_str().unwrap(), "--to", &keys[0].1, "--to", &keys[1].1];
    let made = setup.run(&made).json();
    setup.google.set_state(KEY, 1, "DESTROYED");
    setup.run(&["ls"]).failed(6, &["restore the site's key from its recovery shares"]);
    let mut recover =
        vec!["key".to_owned(), "recover".to_owned(), "--out".to_owned(), site.path("out").display().to_string()];
    for (number, (secret, _)) in keys.iter().enumerate() {
        let (sealed, share) = (made["shares"][number]["file"].as_str().unwrap(), site.path(&format!("{number}.share")));
        let share = share.display().to_string();
        done(&site.run(["crypt", "decrypt", "--key", secret, sealed, "-o", &share]));
        recover.extend(["--share".to_owned(), share]);
    }
    done(&site.run(recover));
    fs::rename(site.path("out"), key_file(site, "site.sec")).unwrap();
    done(&site.run(["show", address.as_str().unwrap()]));
    assert_eq!(site.run(["--json", "key", "status"]).json()["protection"], "none");
}

/// Files below a folder that hold one of the texts.
fn holders(folder: &Path, secrets: &[Vec<u8>]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if entry.file_type().unwrap().is_dir() {
            found.extend(holders(&path, secrets));
        } else if let Ok(bytes) = fs::read(&path)
            && secrets.iter().any(|secret| holds(&bytes, secret))
        {
            found.push(path.display().to_string());
        }
    }
    found
}

fn holds(bytes: &[u8], secret: &[u8]) -> bool {
    bytes.windows(secret.len()).any(|window| window == secret)
}

/// As bytes, as hexadecimal digits, as base64.
fn written(secret: &[u8]) -> [Vec<u8>; 3] {
    [secret.to_vec(), hex::encode(secret).into_bytes(), BASE64_STANDARD.encode(secret).into_bytes()]
}

#[test]
fn nothing_of_the_key_shows_in_files_arguments_or_logs() {
    let setup = Setup::new();
    let (site, google) = (&setup.site, &setup.google);
    let plain = fs::read_to_string(key_file(site, "site.sec")).unwrap();
    let line = plain.lines().nth(1).unwrap().as_bytes().to_vec();
    let decoded = BASE64_STANDARD.decode(&line).unwrap();
    // The key is the last that a file in plain has.
    let secret = &decoded[decoded.len() - 32..];
    let mut said = Vec::new();
    let mut run = |arguments: &[&str]| {
        let ran = setup.run(arguments);
        done(&ran);
        said.push(format!("{}{}", ran.out, ran.err));
        ran
    };
    run(&["key", "kms", KEY]);
    // A tool that reads the arguments of every process, and the environment of those that let it.
    let tool = site.write(
        "look.cwl",
        "cwlVersion: v1.2\nclass: CommandLineTool\nbaseCommand: [sh, -c]\n\
         arguments: ['cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>&1; true']\n\
         inputs: {}\noutputs: {out: stdout}\nstdout: seen\n",
    );
    let seen = run(&["run", &tool]).json()["out"]["location"].as_str().unwrap().to_owned();
    let to = site.path("tmp/seen").display().to_string();
    run(&["export", &seen, "--to", &to]);
    assert!(holds(&fs::read(&to).unwrap(), b"look.cwl"), "the arguments of the command are among what it saw");
    google.next([Fault::Echo(400)]);
    let failed = setup.run(&["ls"]);
    failed.failed(6, &["its words are left out"]);
    said.push(failed.err);

    let asked = google.asked();
    let wrapped = asked.iter().find(|request| request.target.ends_with(":encrypt")).unwrap();
    let wrapped: Json = serde_json::from_slice(&wrapped.body).unwrap();
    let passphrase = BASE64_STANDARD.decode(wrapped["plaintext"].as_str().unwrap()).unwrap();
    assert_eq!(passphrase.len(), 32);
    let mut secrets: Vec<_> = written(&passphrase).into_iter().chain(written(secret)).chain([line]).collect();
    let token = |request: &Request| header(&request.headers, "authorization").unwrap().as_bytes()[7..].to_vec();
    secrets.extend(asked.iter().map(token));
    assert_eq!(holders(&site.site(), &secrets), [""; 0]);
    assert_eq!(holders(&site.path("tmp"), &secrets), [""; 0]);
    for said in said {
        assert!(!secrets.iter().any(|secret| holds(said.as_bytes(), secret)), "{said}");
    }
}
