"""A project of Django with django-oauth-toolkit. Arguments: the port, the audience of the API, a file with the keys (the first one
signs, the others are published too), and the file of the database. With a further argument `opaque`, its access tokens are opaque; with
`opaque-with-subject`, also its answers about them have a `sub`."""

import json
import sys
import time
import uuid
from pathlib import Path

import django
from django.conf import settings

PORT, AUDIENCE, KEYS, DATABASE = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
TOKENS = sys.argv[5] if len(sys.argv) > 5 else "jwt"
ISSUER = f"http://127.0.0.1:{PORT}/o"
REDIRECT_URI = "https://app.example.test/callback"
SIGNING_KEY, *OLD_KEYS = json.loads(Path(KEYS).read_text())


def access_token(request, refresh_token=False):
    """ACCESS_TOKEN_GENERATOR: a token by RFC 9068, signed as django-oauth-toolkit signs ID tokens. Its own are opaque."""
    from jwcrypto import jwt
    from oauth2_provider.utils import jwk_from_pem

    key = jwk_from_pem(SIGNING_KEY)
    now = int(time.time())
    claims = {
        "iss": ISSUER,
        "sub": str(request.user.pk) if request.user else request.client.client_id,
        # Not wider than what the user has consented to: django-oauth-toolkit compares them before it answers.
        "aud": request.resource or ISSUER,
        "client_id": request.client.client_id,
        "scope": " ".join(request.scopes),
        "iat": now,
        "exp": now + request.expires_in,
        "jti": str(uuid.uuid4()),
    }
    token = jwt.JWT(header={"typ": "at+jwt", "alg": "RS256", "kid": key.thumbprint()}, claims=claims)
    token.make_signed_token(key)
    return token.serialize()


settings.configure(
    SECRET_KEY="secret",
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    LOGIN_URL="/login/",
    USE_TZ=True,
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": DATABASE,
            # It need not survive the machine.
            "OPTIONS": {"init_command": "PRAGMA synchronous=OFF"},
        },
    },
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "oauth2_provider",
    ],
    # The tables at once, instead of their history.
    MIGRATION_MODULES=dict.fromkeys(["auth", "contenttypes", "sessions", "oauth2_provider"]),
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ],
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "OPTIONS": {
                "loaders": [
                    # Django leaves this page to the project.
                    ("django.template.loaders.locmem.Loader", {
                        "login.html": "<form method='post'>{% csrf_token %}{{ form }}</form>",
                    }),
                    "django.template.loaders.app_directories.Loader",
                ],
            },
        },
    ],
    OAUTH2_PROVIDER={
        "OIDC_ENABLED": True,
        "OIDC_ISS_ENDPOINT": ISSUER,
        "OIDC_RSA_PRIVATE_KEY": SIGNING_KEY,
        "OIDC_RSA_PRIVATE_KEYS_INACTIVE": OLD_KEYS,
        "ACCESS_TOKEN_GENERATOR": access_token if TOKENS == "jwt" else None,
        "ACCESS_TOKEN_EXPIRE_SECONDS": 300,
        "PKCE_REQUIRED": True,
        "SCOPES": {name: name for name in ["openid", "offline_access", "read:me", "write:me"]},
    },
)
django.setup()

from django.contrib.auth.models import User
from django.contrib.auth.views import LoginView
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.http import JsonResponse
from django.urls import include, path
from oauth2_provider.models import Application, get_access_token_model
from oauth2_provider.urls import metadata_urlpatterns
from oauth2_provider.views import IntrospectTokenView
from werkzeug.serving import run_simple


class IntrospectWithSubject(IntrospectTokenView):
    """Its answers name a user by `username` alone. This adds the `sub` of the ID token, and the client as that of its own tokens."""

    @staticmethod
    def get_token_response(token_value=None):
        response = IntrospectTokenView.get_token_response(token_value)
        answer = json.loads(response.content)
        if answer.get("active"):
            token = get_access_token_model().objects.get(token=token_value)
            answer["sub"] = str(token.user.pk) if token.user else token.application.client_id
        return JsonResponse(answer, status=response.status_code)


urlpatterns = [
    path("login/", LoginView.as_view(template_name="login.html")),
    # The documents of RFC 8414 and RFC 9728. The first one names the endpoints for introspection and revocation.
    path("", include((metadata_urlpatterns, "oauth2_provider"), namespace="metadata")),
    *([path("o/introspect/", IntrospectWithSubject.as_view())] if TOKENS == "opaque-with-subject" else []),
    path("o/", include("oauth2_provider.urls", namespace="oauth2_provider")),
]


def set_up():
    call_command("migrate", verbosity=0, run_syncdb=True)
    User.objects.create_user("user-1", password="password")
    # An application has one type of grant, beside that of refresh tokens.
    for name in ["app", AUDIENCE, "machine", "api"]:
        is_machine = name in ["machine", "api"]
        Application.objects.create(
            client_id=name,
            client_secret="secret",
            hash_client_secret=False,
            client_type=Application.CLIENT_CONFIDENTIAL,
            authorization_grant_type=(
                Application.GRANT_CLIENT_CREDENTIALS if is_machine else Application.GRANT_AUTHORIZATION_CODE
            ),
            redirect_uris="" if is_machine else REDIRECT_URI,
            algorithm=Application.RS256_ALGORITHM,
        )


if not Path(DATABASE).exists():
    set_up()
run_simple("127.0.0.1", PORT, get_wsgi_application(), threaded=True)
