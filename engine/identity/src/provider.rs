//! A provider's configuration (OpenID Connect Discovery 1.0).

use std::str::FromStr;

use crate::{FetchError, Quoted, WebAddress, claims::Claims, json, web::Web};

/// The largest configuration that is read, in bytes.
const MAX_CONFIGURATION: usize = 256 * 1024;

/// What a provider's configuration says, as far as it is used.
#[derive(Debug)]
pub struct Provider {
    pub key_set: WebAddress,
    pub authorization: Option<WebAddress>,
    pub token: Option<WebAddress>,
    pub device_authorization: Option<WebAddress>,
    pub userinfo: Option<WebAddress>,
    /// Whether answers to the authorization request name the issuer (RFC 9207).
    pub names_itself: bool,
}

impl Provider {
    /// Fetches the configuration of an issuer.
    pub async fn fetch(web: &Web, issuer: &WebAddress) -> Result<Self, FetchError> {
        let field = |field| FetchError::Field { address: issuer.clone(), field };
        let address = issuer.below("/.well-known/openid-configuration").map_err(|_| field("issuer"))?;
        let body = web.get(&address, None, MAX_CONFIGURATION).await?;
        let fields = json::object(&body).map_err(|_| FetchError::Json(address.clone()))?;
        Self::read(&Claims::new(fields), issuer, &address)
    }

    fn read(fields: &Claims, issuer: &WebAddress, address: &WebAddress) -> Result<Self, FetchError> {
        let unusable = |field| FetchError::Field { address: address.clone(), field };
        let found = fields.needed_text("issuer").map_err(|_| unusable("issuer"))?;
        if found != issuer.as_str() {
            return Err(FetchError::OtherIssuer { address: address.clone(), found: Quoted::new(found) });
        }
        let endpoint = |name: &'static str| -> Result<Option<WebAddress>, FetchError> {
            let Some(text) = fields.text(name).map_err(|_| unusable(name))? else { return Ok(None) };
            let endpoint = WebAddress::from_str(text).map_err(|_| unusable(name))?;
            // A provider out there must not send us to this machine.
            if endpoint.is_plain() && !issuer.is_plain() {
                return Err(unusable(name));
            }
            Ok(Some(endpoint))
        };
        let names_itself = fields.get("authorization_response_iss_parameter_supported");
        Ok(Self {
            key_set: endpoint("jwks_uri")?.ok_or_else(|| unusable("jwks_uri"))?,
            authorization: endpoint("authorization_endpoint")?,
            token: endpoint("token_endpoint")?,
            device_authorization: endpoint("device_authorization_endpoint")?,
            userinfo: endpoint("userinfo_endpoint")?,
            names_itself: names_itself.and_then(serde_json::Value::as_bool) == Some(true),
        })
    }
}
