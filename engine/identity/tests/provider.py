"""The OpenID provider `oidc-provider-mock`, with what it leaves out added from Authlib, on which it stands: PKCE
(RFC 7636) is demanded, and there is the device authorization grant (RFC 8628). Prints its port when it listens."""

import base64
import time

import flask
import werkzeug.serving
from authlib.integrations import flask_oauth2
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc8628 import DeviceAuthorizationEndpoint, DeviceCodeGrant, DeviceCredentialDict
from oidc_provider_mock import _app, _storage

DEVICE_GRANT = DeviceCodeGrant.GRANT_TYPE
challenges = {}
devices = {}
decisions = {}


class Challenge(CodeChallenge):
    def get_authorization_code_challenge(self, authorization_code):
        return challenges[authorization_code.code]

    def get_authorization_code_challenge_method(self, authorization_code):
        return "S256"


class DeviceEndpoint(DeviceAuthorizationEndpoint):
    EXPIRES_IN = 300

    def get_verification_uri(self):
        return flask.request.host_url + "device"

    def save_device_credential(self, client_id, scope, data):
        expires_at = time.time() + data["expires_in"]
        devices[data["device_code"]] = DeviceCredentialDict(
            client_id=client_id, scope=scope, expires_at=expires_at, asked=False, **data
        )


class DeviceGrant(DeviceCodeGrant):
    def query_device_credential(self, device_code):
        return devices.get(device_code)

    def query_user_grant(self, user_code):
        if user_code not in decisions:
            return None
        subject, approved = decisions[user_code]
        return _storage.storage.get_user(subject), approved

    def should_slow_down(self, credential):
        asked, credential["asked"] = credential["asked"], True
        return asked


class Server(flask_oauth2.AuthorizationServer):
    def register_grant(self, grant, extensions=None):
        if grant is _app.AuthorizationCodeGrant:
            super().register_grant(DeviceGrant, list(extensions))
            self.register_endpoint(DeviceEndpoint)
            extensions = [*extensions, Challenge(required=True)]
        super().register_grant(grant, extensions)


save_authorization_code = _app.AuthorizationCodeGrant.save_authorization_code


def save_with_challenge(self, code, request):
    assert flask.request.args["code_challenge_method"] == "S256"
    challenges[code] = flask.request.args["code_challenge"]
    save_authorization_code(self, code, request)


flask_oauth2.AuthorizationServer = Server
# Programs on people's machines are public clients, without a secret (RFC 8252, section 8.4).
_app.AuthorizationCodeGrant.TOKEN_ENDPOINT_AUTH_METHODS = ["none"]
_app.RefreshTokenGrant.TOKEN_ENDPOINT_AUTH_METHODS = ["none"]
_app.AuthorizationCodeGrant.save_authorization_code = save_with_challenge
_storage.Client.GRANT_TYPES_SUPPORTED = (*_storage.Client.GRANT_TYPES_SUPPORTED, DEVICE_GRANT)

app = _app.app()
describe = app.view_functions["oidc-provider-mock.openid_config"]


def openid_config():
    description = describe().get_json()
    description["device_authorization_endpoint"] = flask.request.host_url + "oauth2/device"
    return flask.jsonify(description)


app.view_functions["oidc-provider-mock.openid_config"] = openid_config
app.view_functions["oidc-provider-mock.issue_token"] = lambda: _app.authorization.create_token_response()


@app.post("/oauth2/device")
def device_authorization():
    return _app.authorization.create_endpoint_response("device_authorization")


@app.post("/decide/<user_code>/<subject>/<decision>")
def decide(user_code, subject, decision):
    decisions[user_code] = (subject, decision == "approve")
    return "", 204


@app.get("/signing-key")
def signing_key():
    """What no provider gives away: with it, tests sign what no provider would."""
    key = _storage.storage.jwk
    document = base64.b64encode(key.as_bytes("DER", is_private=True)).decode()
    return flask.jsonify(pkcs8=document, kid=key.as_dict()["kid"])


server = werkzeug.serving.make_server("127.0.0.1", 0, app, threaded=True)
print(server.server_port, flush=True)
server.serve_forever()
