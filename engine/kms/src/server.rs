//! Which server is asked about a key.

use sluis_model::CloudRegion;

/// The regions for which Google's description of the service names an endpoint that ends TLS in the region.
const ENDS_THERE: [CloudRegion; 3] = [CloudRegion::EuropeWest3, CloudRegion::EuropeWest8, CloudRegion::EuropeWest9];

/// The address of the region's own server. Each refuses keys that lie elsewhere, which the server for all regions does not:
/// <https://cloud.google.com/kms/docs/reference/service-apis-overview>.
pub fn of(region: CloudRegion) -> String {
    if ENDS_THERE.contains(&region) {
        format!("https://cloudkms.{region}.rep.googleapis.com")
    } else {
        format!("https://{region}-cloudkms.googleapis.com")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_is_asked_at_its_own_server() {
        assert_eq!(of(CloudRegion::EuropeWest3), "https://cloudkms.europe-west3.rep.googleapis.com");
        assert_eq!(of(CloudRegion::EuropeWest4), "https://europe-west4-cloudkms.googleapis.com");
    }
}
