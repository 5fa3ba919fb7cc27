/* The rows of the Query API: the operations of IAM and STS that Tercet offers, by their names in AWS's model. An action
 * that has no row is refused by its name. */
#include "gateway/iam/operations.h"

#include <string.h>

#include "gateway/iam/handlers.h"

#define LIST(...)                                                                                                      \
    (const char *const[])                                                                                              \
    {                                                                                                                  \
        __VA_ARGS__, NULL                                                                                              \
    }
#define IAM(class_, action_, subject_, handle_, ...)                                                                   \
    {                                                                                                                  \
        .action = action_, .method = "POST", .right = "iam:" action_, .resource = RESOURCE_ARN, .subject = subject_,   \
        .handle = handle_, .class = CLASS_##class_, .grows = IAM_IS_NEW(subject_), .parameters = LIST(__VA_ARGS__)     \
    }
#define STS(action_, subject_, handle_, ...)                                                                           \
    {                                                                                                                  \
        .action = action_, .method = "POST", .right = "sts:" action_, .resource = RESOURCE_ARN, .subject = subject_,   \
        .handle = handle_, .class = CLASS_OTHER, .parameters = LIST(__VA_ARGS__)                                       \
    }
#define STS_SIGNED(action_, handle_, ...)                                                                              \
    {                                                                                                                  \
        .action = action_, .method = "POST", .right = "sts:" action_, .resource = RESOURCE_ARN,                        \
        .subject = IAM_OF_ACCOUNT, .signed_is_enough = true, .handle = handle_, .class = CLASS_OTHER,                  \
        .parameters = LIST(__VA_ARGS__)                                                                                \
    }
#define PAGE "Marker", "MaxItems"

const struct operation iam_operations[] = {
    IAM(OTHER, "CreateUser", IAM_NEW_USER, iam_create_user, "UserName", "Path", "PermissionsBoundary", "Tags"),
    IAM(OTHER, "GetUser", IAM_OF_CALLER, iam_get_user, "UserName"),
    IAM(OTHER, "UpdateUser", IAM_OF_USER, iam_update_user, "UserName", "NewPath", "NewUserName"),
    IAM(OTHER, "DeleteUser", IAM_OF_USER, iam_delete_user, "UserName"),
    IAM(LIST, "ListUsers", IAM_ALL_USERS, iam_list_users, "PathPrefix", PAGE),

    IAM(OTHER, "CreateAccessKey", IAM_OF_CALLER, iam_create_access_key, "UserName"),
    IAM(OTHER, "UpdateAccessKey", IAM_OF_CALLER, iam_update_access_key, "UserName", "AccessKeyId", "Status"),
    IAM(OTHER, "DeleteAccessKey", IAM_OF_CALLER, iam_delete_access_key, "UserName", "AccessKeyId"),
    IAM(LIST, "ListAccessKeys", IAM_OF_CALLER, iam_list_access_keys, "UserName", PAGE),
    IAM(OTHER, "GetAccessKeyLastUsed", IAM_OF_KEY, iam_get_access_key_last_used, "AccessKeyId"),

    IAM(OTHER, "CreateGroup", IAM_NEW_GROUP, iam_create_group, "GroupName", "Path"),
    IAM(LIST, "GetGroup", IAM_OF_GROUP, iam_get_group, "GroupName", PAGE),
    IAM(OTHER, "UpdateGroup", IAM_OF_GROUP, iam_update_group, "GroupName", "NewPath", "NewGroupName"),
    IAM(OTHER, "DeleteGroup", IAM_OF_GROUP, iam_delete_group, "GroupName"),
    IAM(LIST, "ListGroups", IAM_ALL_GROUPS, iam_list_groups, "PathPrefix", PAGE),
    IAM(OTHER, "AddUserToGroup", IAM_OF_GROUP, iam_add_user_to_group, "GroupName", "UserName"),
    IAM(OTHER, "RemoveUserFromGroup", IAM_OF_GROUP, iam_remove_user_from_group, "GroupName", "UserName"),
    IAM(LIST, "ListGroupsForUser", IAM_OF_USER, iam_list_groups_for_user, "UserName", PAGE),

    IAM(OTHER, "PutUserPolicy", IAM_OF_USER, iam_put_inline_policy, "UserName", "PolicyName", "PolicyDocument"),
    IAM(OTHER, "GetUserPolicy", IAM_OF_USER, iam_get_inline_policy, "UserName", "PolicyName"),
    IAM(OTHER, "DeleteUserPolicy", IAM_OF_USER, iam_delete_inline_policy, "UserName", "PolicyName"),
    IAM(LIST, "ListUserPolicies", IAM_OF_USER, iam_list_inline_policies, "UserName", PAGE),
    IAM(OTHER, "PutGroupPolicy", IAM_OF_GROUP, iam_put_inline_policy, "GroupName", "PolicyName", "PolicyDocument"),
    IAM(OTHER, "GetGroupPolicy", IAM_OF_GROUP, iam_get_inline_policy, "GroupName", "PolicyName"),
    IAM(OTHER, "DeleteGroupPolicy", IAM_OF_GROUP, iam_delete_inline_policy, "GroupName", "PolicyName"),
    IAM(LIST, "ListGroupPolicies", IAM_OF_GROUP, iam_list_inline_policies, "GroupName", PAGE),
    IAM(OTHER, "PutRolePolicy", IAM_OF_ROLE, iam_put_inline_policy, "RoleName", "PolicyName", "PolicyDocument"),
    IAM(OTHER, "GetRolePolicy", IAM_OF_ROLE, iam_get_inline_policy, "RoleName", "PolicyName"),
    IAM(OTHER, "DeleteRolePolicy", IAM_OF_ROLE, iam_delete_inline_policy, "RoleName", "PolicyName"),
    IAM(LIST, "ListRolePolicies", IAM_OF_ROLE, iam_list_inline_policies, "RoleName", PAGE),

    IAM(OTHER, "CreatePolicy", IAM_NEW_POLICY, iam_create_policy, "PolicyName", "Path", "PolicyDocument", "Description",
        "Tags"),
    IAM(OTHER, "GetPolicy", IAM_OF_POLICY, iam_get_policy, "PolicyArn"),
    IAM(OTHER, "DeletePolicy", IAM_OF_POLICY, iam_delete_policy, "PolicyArn"),
    IAM(LIST, "ListPolicies", IAM_OF_ACCOUNT, iam_list_policies, "Scope", "OnlyAttached", "PathPrefix",
        "PolicyUsageFilter", PAGE),
    IAM(OTHER, "CreatePolicyVersion", IAM_OF_POLICY, iam_create_policy_version, "PolicyArn", "PolicyDocument",
        "SetAsDefault"),
    IAM(OTHER, "GetPolicyVersion", IAM_OF_POLICY, iam_get_policy_version, "PolicyArn", "VersionId"),
    IAM(LIST, "ListPolicyVersions", IAM_OF_POLICY, iam_list_policy_versions, "PolicyArn", PAGE),
    IAM(OTHER, "DeletePolicyVersion", IAM_OF_POLICY, iam_delete_policy_version, "PolicyArn", "VersionId"),
    IAM(OTHER, "SetDefaultPolicyVersion", IAM_OF_POLICY, iam_set_default_policy_version, "PolicyArn", "VersionId"),

    IAM(OTHER, "AttachUserPolicy", IAM_OF_USER, iam_attach_policy, "UserName", "PolicyArn"),
    IAM(OTHER, "DetachUserPolicy", IAM_OF_USER, iam_detach_policy, "UserName", "PolicyArn"),
    IAM(LIST, "ListAttachedUserPolicies", IAM_OF_USER, iam_list_attached_policies, "UserName", "PathPrefix", PAGE),
    IAM(OTHER, "AttachGroupPolicy", IAM_OF_GROUP, iam_attach_policy, "GroupName", "PolicyArn"),
    IAM(OTHER, "DetachGroupPolicy", IAM_OF_GROUP, iam_detach_policy, "GroupName", "PolicyArn"),
    IAM(LIST, "ListAttachedGroupPolicies", IAM_OF_GROUP, iam_list_attached_policies, "GroupName", "PathPrefix", PAGE),
    IAM(OTHER, "AttachRolePolicy", IAM_OF_ROLE, iam_attach_policy, "RoleName", "PolicyArn"),
    IAM(OTHER, "DetachRolePolicy", IAM_OF_ROLE, iam_detach_policy, "RoleName", "PolicyArn"),
    IAM(LIST, "ListAttachedRolePolicies", IAM_OF_ROLE, iam_list_attached_policies, "RoleName", "PathPrefix", PAGE),
    IAM(LIST, "ListEntitiesForPolicy", IAM_OF_POLICY, iam_list_entities_for_policy, "PolicyArn", "EntityFilter",
        "PathPrefix", "PolicyUsageFilter", PAGE),

    IAM(OTHER, "CreateRole", IAM_NEW_ROLE, iam_create_role, "RoleName", "Path", "AssumeRolePolicyDocument",
        "Description", "MaxSessionDuration", "PermissionsBoundary", "Tags"),
    IAM(OTHER, "GetRole", IAM_OF_ROLE, iam_get_role, "RoleName"),
    IAM(OTHER, "UpdateRole", IAM_OF_ROLE, iam_update_role, "RoleName", "Description", "MaxSessionDuration"),
    IAM(OTHER, "UpdateRoleDescription", IAM_OF_ROLE, iam_update_role_description, "RoleName", "Description"),
    IAM(OTHER, "UpdateAssumeRolePolicy", IAM_OF_ROLE, iam_update_assume_role_policy, "RoleName", "PolicyDocument"),
    IAM(OTHER, "DeleteRole", IAM_OF_ROLE, iam_delete_role, "RoleName"),
    IAM(LIST, "ListRoles", IAM_ALL_ROLES, iam_list_roles, "PathPrefix", PAGE),

    IAM(OTHER, "PutUserPermissionsBoundary", IAM_OF_USER, iam_put_permissions_boundary, "UserName",
        "PermissionsBoundary"),
    IAM(OTHER, "DeleteUserPermissionsBoundary", IAM_OF_USER, iam_delete_permissions_boundary, "UserName"),
    IAM(OTHER, "PutRolePermissionsBoundary", IAM_OF_ROLE, iam_put_permissions_boundary, "RoleName",
        "PermissionsBoundary"),
    IAM(OTHER, "DeleteRolePermissionsBoundary", IAM_OF_ROLE, iam_delete_permissions_boundary, "RoleName"),

    IAM(OTHER, "TagUser", IAM_OF_USER, iam_tag, "UserName", "Tags"),
    IAM(OTHER, "UntagUser", IAM_OF_USER, iam_untag, "UserName", "TagKeys"),
    IAM(LIST, "ListUserTags", IAM_OF_USER, iam_list_tags, "UserName", PAGE),
    IAM(OTHER, "TagRole", IAM_OF_ROLE, iam_tag, "RoleName", "Tags"),
    IAM(OTHER, "UntagRole", IAM_OF_ROLE, iam_untag, "RoleName", "TagKeys"),
    IAM(LIST, "ListRoleTags", IAM_OF_ROLE, iam_list_tags, "RoleName", PAGE),
    IAM(OTHER, "TagPolicy", IAM_OF_POLICY, iam_tag, "PolicyArn", "Tags"),
    IAM(OTHER, "UntagPolicy", IAM_OF_POLICY, iam_untag, "PolicyArn", "TagKeys"),
    IAM(LIST, "ListPolicyTags", IAM_OF_POLICY, iam_list_tags, "PolicyArn", PAGE),
    IAM(OTHER, "TagOpenIDConnectProvider", IAM_OF_PROVIDER, iam_tag, "OpenIDConnectProviderArn", "Tags"),
    IAM(OTHER, "UntagOpenIDConnectProvider", IAM_OF_PROVIDER, iam_untag, "OpenIDConnectProviderArn", "TagKeys"),
    IAM(LIST, "ListOpenIDConnectProviderTags", IAM_OF_PROVIDER, iam_list_tags, "OpenIDConnectProviderArn", PAGE),

    IAM(LIST, "GetAccountSummary", IAM_OF_ACCOUNT, iam_get_account_summary, NULL),
    IAM(LIST, "GetAccountAuthorizationDetails", IAM_OF_ACCOUNT, iam_get_account_authorization_details, "Filter", PAGE),
    IAM(OTHER, "SimulatePrincipalPolicy", IAM_OF_SOURCE, iam_simulate_principal_policy, "PolicySourceArn",
        "ActionNames", "ResourceArns", "PolicyInputList", "PermissionsBoundaryPolicyInputList", "ContextEntries", PAGE),
    IAM(OTHER, "SimulateCustomPolicy", IAM_OF_ACCOUNT, iam_simulate_custom_policy, "ActionNames", "ResourceArns",
        "PolicyInputList", "PermissionsBoundaryPolicyInputList", "ContextEntries", PAGE),

    IAM(OTHER, "CreateOpenIDConnectProvider", IAM_NEW_PROVIDER, iam_create_provider, "Url", "ClientIDList",
        "ThumbprintList", "Tags"),
    IAM(OTHER, "GetOpenIDConnectProvider", IAM_OF_PROVIDER, iam_get_provider, "OpenIDConnectProviderArn"),
    IAM(LIST, "ListOpenIDConnectProviders", IAM_OF_ACCOUNT, iam_list_providers, NULL),
    IAM(OTHER, "DeleteOpenIDConnectProvider", IAM_OF_PROVIDER, iam_delete_provider, "OpenIDConnectProviderArn"),
    IAM(OTHER, "AddClientIDToOpenIDConnectProvider", IAM_OF_PROVIDER, iam_add_client_id, "OpenIDConnectProviderArn",
        "ClientID"),
    IAM(OTHER, "RemoveClientIDFromOpenIDConnectProvider", IAM_OF_PROVIDER, iam_remove_client_id,
        "OpenIDConnectProviderArn", "ClientID"),
    IAM(OTHER, "UpdateOpenIDConnectProviderThumbprint", IAM_OF_PROVIDER, iam_update_thumbprints,
        "OpenIDConnectProviderArn", "ThumbprintList"),

    /* what there is none of: empty.c */
    IAM(LIST, "ListSSHPublicKeys", IAM_OF_CALLER, iam_list_ssh_public_keys, "UserName", PAGE),
    IAM(LIST, "ListMFADevices", IAM_OF_CALLER, iam_list_mfa_devices, "UserName", PAGE),
    IAM(LIST, "ListSigningCertificates", IAM_OF_CALLER, iam_list_signing_certificates, "UserName", PAGE),
    IAM(LIST, "ListServiceSpecificCredentials", IAM_OF_CALLER, iam_list_service_specific_credentials, "UserName",
        "ServiceName", "AllUsers", PAGE),
    IAM(LIST, "ListInstanceProfilesForRole", IAM_OF_ROLE, iam_list_instance_profiles_for_role, "RoleName", PAGE),
    IAM(LIST, "ListAccountAliases", IAM_OF_ACCOUNT, iam_list_account_aliases, PAGE),
    IAM(LIST, "ListVirtualMFADevices", IAM_OF_ACCOUNT, iam_list_virtual_mfa_devices, "AssignmentStatus", PAGE),
    IAM(LIST, "ListInstanceProfiles", IAM_OF_ACCOUNT, iam_list_instance_profiles, "PathPrefix", PAGE),
    IAM(OTHER, "GetLoginProfile", IAM_OF_CALLER, iam_no_login_profile, "UserName"),
    IAM(OTHER, "DeleteLoginProfile", IAM_OF_CALLER, iam_no_login_profile, "UserName"),
    IAM(OTHER, "GetAccountPasswordPolicy", IAM_OF_ACCOUNT, iam_no_password_policy, NULL),

    STS("AssumeRole", IAM_TO_ASSUME, sts_assume_role, "RoleArn", "RoleSessionName", "DurationSeconds", "Policy",
        "PolicyArns", "Tags", "TransitiveTagKeys", "ExternalId", "SourceIdentity"),
    {.action = "AssumeRoleWithWebIdentity",
     .method = "POST",
     .right = "sts:AssumeRoleWithWebIdentity",
     .resource = RESOURCE_ARN,
     .subject = IAM_TO_ASSUME,
     .unsigned_always = true,
     .handle = sts_assume_role_with_web_identity,
     .class = CLASS_OTHER,
     .parameters = LIST("RoleArn", "RoleSessionName", "WebIdentityToken", "DurationSeconds", "Policy", "PolicyArns")},
    STS("GetFederationToken", IAM_TO_FEDERATE, sts_get_federation_token, "Name", "DurationSeconds", "Policy",
        "PolicyArns", "Tags"),
    STS_SIGNED("GetSessionToken", sts_get_session_token, "DurationSeconds"),
    STS_SIGNED("GetCallerIdentity", sts_get_caller_identity, NULL),
};
const size_t iam_operation_count = sizeof(iam_operations) / sizeof(iam_operations[0]);

const struct operation iam_unknown_operation = {
    .action = "none",
    .method = "POST",
    .right = "iam:Unknown",
    .resource = RESOURCE_ARN,
    .class = CLASS_OTHER,
};

const struct operation *iam_operation_find(struct bytes action, enum query_service *service)
{
    for (size_t i = 0; i < iam_operation_count; i++)
        if (bytes_equal_str(action, iam_operations[i].action)) {
            *service = strncmp(iam_operations[i].right, "sts:", 4) == 0 ? QUERY_STS : QUERY_IAM;
            return &iam_operations[i];
        }
    return NULL;
}
