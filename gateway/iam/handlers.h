/* The handlers of IAM, as the table of operations has them. Each is called with a request that was authorized, and
 * answers exactly once. What is the same for users, groups and roles goes by the operation's subject. */
#ifndef TERCET_GATEWAY_IAM_HANDLERS_H
#define TERCET_GATEWAY_IAM_HANDLERS_H

#include "gateway/front/exchange.h"

void iam_create_user(struct exchange *exchange);
void iam_get_user(struct exchange *exchange);
void iam_update_user(struct exchange *exchange);
void iam_delete_user(struct exchange *exchange);
void iam_list_users(struct exchange *exchange);
void iam_create_access_key(struct exchange *exchange);
void iam_update_access_key(struct exchange *exchange);
void iam_delete_access_key(struct exchange *exchange);
void iam_list_access_keys(struct exchange *exchange);
void iam_get_access_key_last_used(struct exchange *exchange);
void iam_create_group(struct exchange *exchange);
void iam_get_group(struct exchange *exchange);
void iam_update_group(struct exchange *exchange);
void iam_delete_group(struct exchange *exchange);
void iam_list_groups(struct exchange *exchange);
void iam_add_user_to_group(struct exchange *exchange);
void iam_remove_user_from_group(struct exchange *exchange);
void iam_list_groups_for_user(struct exchange *exchange);
void iam_put_inline_policy(struct exchange *exchange);
void iam_get_inline_policy(struct exchange *exchange);
void iam_delete_inline_policy(struct exchange *exchange);
void iam_list_inline_policies(struct exchange *exchange);
void iam_create_policy(struct exchange *exchange);
void iam_get_policy(struct exchange *exchange);
void iam_delete_policy(struct exchange *exchange);
void iam_list_policies(struct exchange *exchange);
void iam_create_policy_version(struct exchange *exchange);
void iam_get_policy_version(struct exchange *exchange);
void iam_list_policy_versions(struct exchange *exchange);
void iam_delete_policy_version(struct exchange *exchange);
void iam_set_default_policy_version(struct exchange *exchange);
void iam_attach_policy(struct exchange *exchange);
void iam_detach_policy(struct exchange *exchange);
void iam_list_attached_policies(struct exchange *exchange);
void iam_list_entities_for_policy(struct exchange *exchange);
void iam_create_role(struct exchange *exchange);
void iam_get_role(struct exchange *exchange);
void iam_update_role(struct exchange *exchange);
void iam_update_role_description(struct exchange *exchange);
void iam_update_assume_role_policy(struct exchange *exchange);
void iam_delete_role(struct exchange *exchange);
void iam_list_roles(struct exchange *exchange);
void iam_put_permissions_boundary(struct exchange *exchange);
void iam_delete_permissions_boundary(struct exchange *exchange);
void iam_tag(struct exchange *exchange);
void iam_untag(struct exchange *exchange);
void iam_list_tags(struct exchange *exchange);
void iam_get_account_summary(struct exchange *exchange);
void iam_get_account_authorization_details(struct exchange *exchange);
void iam_simulate_principal_policy(struct exchange *exchange);
void iam_simulate_custom_policy(struct exchange *exchange);
void iam_create_provider(struct exchange *exchange);
void iam_get_provider(struct exchange *exchange);
void iam_list_providers(struct exchange *exchange);
void iam_delete_provider(struct exchange *exchange);
void iam_add_client_id(struct exchange *exchange);
void iam_remove_client_id(struct exchange *exchange);
void iam_update_thumbprints(struct exchange *exchange);
void iam_list_ssh_public_keys(struct exchange *exchange);
void iam_list_mfa_devices(struct exchange *exchange);
void iam_list_signing_certificates(struct exchange *exchange);
void iam_list_service_specific_credentials(struct exchange *exchange);
void iam_list_instance_profiles_for_role(struct exchange *exchange);
void iam_list_account_aliases(struct exchange *exchange);
void iam_list_virtual_mfa_devices(struct exchange *exchange);
void iam_list_instance_profiles(struct exchange *exchange);
void iam_no_login_profile(struct exchange *exchange);
void iam_no_password_policy(struct exchange *exchange);
/* caller.c */
void sts_get_caller_identity(struct exchange *exchange);
void sts_get_session_token(struct exchange *exchange);
void sts_get_federation_token(struct exchange *exchange);
void sts_assume_role(struct exchange *exchange);
void sts_assume_role_with_web_identity(struct exchange *exchange);

#endif
