"""The matrix's rows of IAM and STS: for each action the parameters that it needs, what it is done to, and what has to be there."""

import json

from asking import Request, form_query
from row import ACCOUNT, HEADER_FORMS, Row

IAM = f"arn:aws:iam::{ACCOUNT}:"
USER, GROUP, ROLE, POLICY = IAM + "user/m-user", IAM + "group/m-group", IAM + "role/m-role", IAM + "policy/m-policy"
PROVIDER = IAM + "oidc-provider/idp.example.org"
DOCUMENT = '{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"s3:GetObjectTorrent","Resource":"*"}]}'
OTHER_DOCUMENT = DOCUMENT.replace("Torrent", "")
TRUST = json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]}]})
TAG = {"Tags.member.1.Key": "a", "Tags.member.1.Value": "1"}
U, G, R, P, O = ({"UserName": "m-user"}, {"GroupName": "m-group"}, {"RoleName": "m-role"}, {"PolicyArn": POLICY},
                 {"OpenIDConnectProviderArn": PROVIDER})
THUMBPRINT = {"ThumbprintList.member.1": "0" * 40}


def iam(action, parameters, resource, status=200, before=(), name="", further=(), **more):
    """before: calls of root that make what is needed, whether or not it is there already. further: rights on the same resource."""
    service, path = ("sts" if action in STS else "iam"), "/"

    def made(w):
        for call, arguments in before:
            w.root_iam(call, arguments)
        given = {name: (value(w) if callable(value) else value) for name, value in parameters.items()}
        body = form_query({"Action": action, "Version": "2011-06-15" if service == "sts" else "2010-05-08", **given})
        return Request("POST", path=path, service=service, body=body,
                       headers={"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"})

    rights = tuple((right if ":" in right else f"{service}:{right}", resource) for right in (action, *further))
    return Row("iam", action, made, rights, status, name, forms=HEADER_FORMS, **more)


STS = {"AssumeRole", "AssumeRoleWithWebIdentity", "GetFederationToken", "GetSessionToken", "GetCallerIdentity"}
HAVE_USER, HAVE_GROUP, HAVE_ROLE = ("CreateUser", U), ("CreateGroup", G), ("CreateRole", {**R, "AssumeRolePolicyDocument": TRUST})
HAVE_POLICY, HAVE_PROVIDER = ("CreatePolicy", {"PolicyName": "m-policy", "PolicyDocument": DOCUMENT}), ("CreateOpenIDConnectProvider", {
    "Url": "https://idp.example.org", "ClientIDList.member.1": "tercet", **THUMBPRINT})
INLINE = {"PolicyName": "inline", "PolicyDocument": DOCUMENT}
INLINE_NAME = {"PolicyName": "inline"}
NEW = {name: {f"{name}Name": f"m-new-{name.lower()}"} for name in ("User", "Group", "Role", "Policy")}
NEW_ROLE = {**NEW["Role"], "AssumeRolePolicyDocument": TRUST}
NEW_POLICY, NEW_POLICY_ARN = {**NEW["Policy"], "PolicyDocument": DOCUMENT}, {"PolicyArn": IAM + "policy/m-new-policy"}
NEW_PROVIDER_ARN = {"OpenIDConnectProviderArn": IAM + "oidc-provider/new.example.org"}
NEW_PROVIDER = {"Url": "https://new.example.org", "ClientIDList.member.1": "tercet", **THUMBPRINT}
SIMULATED = {"ActionNames.member.1": "s3:GetObject"}


def of_kinds(suffix, parameters, status=200, before=None, **more):
    """The same of users, groups and roles: PutUserPolicy, PutGroupPolicy, PutRolePolicy."""
    for kind, who, arn in (("User", U, USER), ("Group", G, GROUP), ("Role", R, ROLE)):
        yield iam(suffix.replace("KIND", kind), {**who, **parameters}, arn, status,
                  [(call.replace("KIND", kind), {**who, **arguments}) for call, arguments in before or ()], **more)


def secret_key_of(w):
    return w.key_of_user("m-user")


ROWS = [
    iam("CreateUser", NEW["User"], IAM + "user/m-new-user", before=[("DeleteUser", NEW["User"])]),
    iam("CreateUser", {**NEW["User"], **TAG}, IAM + "user/m-new-user", before=[("DeleteUser", NEW["User"])], name="tagged", further=("TagUser",)),
    iam("GetUser", U, USER),
    iam("UpdateUser", {**U, "NewPath": "/"}, USER),
    iam("DeleteUser", NEW["User"], IAM + "user/m-new-user", before=[("CreateUser", NEW["User"])]),
    iam("ListUsers", {}, IAM + "user/"),
    iam("CreateAccessKey", U, USER, before=[("DROP KEYS", U)]),
    iam("UpdateAccessKey", {**U, "AccessKeyId": secret_key_of, "Status": "Inactive"}, USER),
    iam("DeleteAccessKey", {**U, "AccessKeyId": secret_key_of}, USER),
    iam("ListAccessKeys", U, USER),
    iam("GetAccessKeyLastUsed", {"AccessKeyId": secret_key_of}, USER),
    iam("CreateGroup", NEW["Group"], IAM + "group/m-new-group", before=[("DeleteGroup", NEW["Group"])]),
    iam("GetGroup", G, GROUP),
    iam("UpdateGroup", {**G, "NewPath": "/"}, GROUP),
    iam("DeleteGroup", NEW["Group"], IAM + "group/m-new-group", before=[("CreateGroup", NEW["Group"])]),
    iam("ListGroups", {}, IAM + "group/"),
    iam("AddUserToGroup", {**G, **U}, GROUP),
    iam("RemoveUserFromGroup", {**G, **U}, GROUP, before=[("AddUserToGroup", {**G, **U})]),
    iam("ListGroupsForUser", U, USER),
    *of_kinds("PutKINDPolicy", INLINE),
    *of_kinds("GetKINDPolicy", INLINE_NAME, before=[("PutKINDPolicy", INLINE)]),
    *of_kinds("DeleteKINDPolicy", INLINE_NAME, before=[("PutKINDPolicy", INLINE)]),
    *of_kinds("ListKINDPolicies", {}),
    *of_kinds("AttachKINDPolicy", P),
    *of_kinds("DetachKINDPolicy", P, before=[("AttachKINDPolicy", P)]),
    *of_kinds("ListAttachedKINDPolicies", {}),
    iam("CreatePolicy", NEW_POLICY, NEW_POLICY_ARN["PolicyArn"], before=[("DeletePolicy", NEW_POLICY_ARN)]),
    iam("CreatePolicy", {**NEW_POLICY, **TAG}, NEW_POLICY_ARN["PolicyArn"], before=[("DeletePolicy", NEW_POLICY_ARN)], name="tagged", further=("TagPolicy",)),
    iam("GetPolicy", P, POLICY),
    iam("DeletePolicy", NEW_POLICY_ARN, NEW_POLICY_ARN["PolicyArn"], before=[("CreatePolicy", NEW_POLICY)]),
    iam("ListPolicies", {"Scope": "Local"}, "*"),
    iam("CreatePolicyVersion", {**P, "PolicyDocument": OTHER_DOCUMENT}, POLICY, before=[("DROP VERSIONS", P)]),
    iam("GetPolicyVersion", {**P, "VersionId": "v1"}, POLICY),
    iam("ListPolicyVersions", P, POLICY),
    iam("DeletePolicyVersion", {**P, "VersionId": lambda w: w.policy_version(POLICY)}, POLICY),
    iam("SetDefaultPolicyVersion", {**P, "VersionId": "v1"}, POLICY),
    iam("ListEntitiesForPolicy", P, POLICY),
    iam("CreateRole", NEW_ROLE, IAM + "role/m-new-role", before=[("DeleteRole", NEW["Role"])]),
    iam("CreateRole", {**NEW_ROLE, **TAG}, IAM + "role/m-new-role", before=[("DeleteRole", NEW["Role"])], name="tagged", further=("TagRole",)),
    iam("GetRole", R, ROLE),
    iam("UpdateRole", {**R, "Description": "d"}, ROLE),
    iam("UpdateRoleDescription", {**R, "Description": "d"}, ROLE),
    iam("UpdateAssumeRolePolicy", {**R, "PolicyDocument": TRUST}, ROLE),
    iam("DeleteRole", NEW["Role"], IAM + "role/m-new-role", before=[("CreateRole", NEW_ROLE)]),
    iam("ListRoles", {}, IAM + "role/"),
    iam("PutUserPermissionsBoundary", {**U, "PermissionsBoundary": POLICY}, USER),
    iam("DeleteUserPermissionsBoundary", U, USER, before=[("PutUserPermissionsBoundary", {**U, "PermissionsBoundary": POLICY})]),
    iam("PutRolePermissionsBoundary", {**R, "PermissionsBoundary": POLICY}, ROLE),
    iam("DeleteRolePermissionsBoundary", R, ROLE, before=[("PutRolePermissionsBoundary", {**R, "PermissionsBoundary": POLICY})]),
    *(row for kind, who, arn in (("User", U, USER), ("Role", R, ROLE), ("Policy", P, POLICY), ("OpenIDConnectProvider", O, PROVIDER)) for row in (
        iam("Tag" + kind, {**who, **TAG}, arn), iam("Untag" + kind, {**who, "TagKeys.member.1": "a"}, arn), iam(f"List{kind}Tags", who, arn))),
    iam("GetAccountSummary", {}, "*"),
    iam("GetAccountAuthorizationDetails", {}, "*"),
    iam("SimulatePrincipalPolicy", {"PolicySourceArn": USER, **SIMULATED}, USER),
    iam("SimulateCustomPolicy", {"PolicyInputList.member.1": DOCUMENT, **SIMULATED}, "*"),
    iam("CreateOpenIDConnectProvider", NEW_PROVIDER, NEW_PROVIDER_ARN["OpenIDConnectProviderArn"],
        before=[("DeleteOpenIDConnectProvider", NEW_PROVIDER_ARN)]),
    iam("CreateOpenIDConnectProvider", {**NEW_PROVIDER, **TAG}, NEW_PROVIDER_ARN["OpenIDConnectProviderArn"],
        before=[("DeleteOpenIDConnectProvider", NEW_PROVIDER_ARN)], name="tagged", further=("TagOpenIDConnectProvider",)),
    iam("GetOpenIDConnectProvider", O, PROVIDER),
    iam("ListOpenIDConnectProviders", {}, "*"),
    iam("DeleteOpenIDConnectProvider", NEW_PROVIDER_ARN, NEW_PROVIDER_ARN["OpenIDConnectProviderArn"],
        before=[("CreateOpenIDConnectProvider", NEW_PROVIDER)]),
    iam("AddClientIDToOpenIDConnectProvider", {**O, "ClientID": "another"}, PROVIDER),
    iam("RemoveClientIDFromOpenIDConnectProvider", {**O, "ClientID": "another"}, PROVIDER),
    iam("UpdateOpenIDConnectProviderThumbprint", {**O, **THUMBPRINT}, PROVIDER),
    iam("ListSSHPublicKeys", U, USER),
    iam("ListMFADevices", U, USER),
    iam("ListSigningCertificates", U, USER),
    iam("ListServiceSpecificCredentials", U, USER),
    iam("ListInstanceProfilesForRole", R, ROLE),
    iam("ListAccountAliases", {}, "*"),
    iam("ListVirtualMFADevices", {}, "*"),
    iam("ListInstanceProfiles", {}, "*"),
    iam("GetLoginProfile", U, USER, 404),
    iam("DeleteLoginProfile", U, USER, 404),
    iam("GetAccountPasswordPolicy", {}, "*", 404),
    iam("AssumeRole", {"RoleArn": ROLE, "RoleSessionName": "matrix"}, ROLE, root=False),
    iam("AssumeRole", {"RoleArn": ROLE, "RoleSessionName": "matrix", **TAG}, ROLE, root=False, name="tagged", further=("TagSession",)),
    iam("AssumeRole", {"RoleArn": ROLE, "RoleSessionName": "matrix", "SourceIdentity": "ann"}, ROLE, root=False, name="for somebody",
        further=("SetSourceIdentity",)),
    iam("AssumeRole", {"RoleArn": IAM + "role/m-of-nobody", "RoleSessionName": "matrix"}, IAM + "role/m-of-nobody", name="that trusts another", open_to="nobody"),
    iam("AssumeRoleWithWebIdentity", {"RoleArn": ROLE, "RoleSessionName": "matrix", "WebIdentityToken": "e30.e30.e30"}, ROLE, open_to="nobody",
        shows_nothing=lambda answer: answer.status == 400 and b"<SecretAccessKey>" not in answer.body),
    iam("GetFederationToken", {"Name": "app"}, f"arn:aws:sts::{ACCOUNT}:federated-user/app", sessions=False),
    iam("GetFederationToken", {"Name": "app", **TAG}, f"arn:aws:sts::{ACCOUNT}:federated-user/app", sessions=False, name="tagged", further=("TagSession",)),
    iam("GetSessionToken", {}, "*", open_to="known", sessions=False),
    iam("GetCallerIdentity", {}, "*", open_to="known"),
]
BEFORE_ALL = (HAVE_USER, HAVE_GROUP, HAVE_ROLE, HAVE_POLICY, HAVE_PROVIDER, ("CreateRole", {"RoleName": "m-of-nobody", "AssumeRolePolicyDocument": TRUST.replace(
    f'"AWS": "{ACCOUNT}"', f'"AWS": "{IAM}user/m-user"')}))
