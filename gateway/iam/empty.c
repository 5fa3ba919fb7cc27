/* What Tercet does not have, and tools ask for before they delete a user or a role: passwords, devices, certificates
 * and profiles. There are none, and the answers say so. What would make one is refused by name, as it has no row. */
#include "gateway/iam/handlers.h"
#include "gateway/iam/holder.h"
#include "gateway/iam/page.h"

static void answer_none(struct exchange *exchange, const char *element, bool paged)
{
    const struct iam_page page = {.max = 1};
    struct iam_answer answer;

    iam_answer_begin(exchange, &answer);
    xml_writer_open(answer.xml, element);
    xml_writer_close(answer.xml);
    if (paged)
        iam_page_write(answer.xml, &page);
    HTTP_LAST_REPLY(iam_answer_send(exchange, &answer, STATUS_OK));
}

/* Of a user who is there; without a name of who calls. */
static void answer_none_of_user(struct exchange *exchange, const char *element, bool paged)
{
    struct bytes name = iam_user_name(exchange);
    struct identity_user user = {0};

    if (!name.data || !iam_user_load(exchange, name, &user))
        answer_none(exchange, element, paged);
    identity_user_release(&user);
}

void iam_list_ssh_public_keys(struct exchange *exchange)
{
    answer_none_of_user(exchange, "SSHPublicKeys", true);
}

void iam_list_mfa_devices(struct exchange *exchange)
{
    answer_none_of_user(exchange, "MFADevices", true);
}

void iam_list_signing_certificates(struct exchange *exchange)
{
    answer_none_of_user(exchange, "Certificates", true);
}

void iam_list_service_specific_credentials(struct exchange *exchange)
{
    answer_none_of_user(exchange, "ServiceSpecificCredentials", false);
}

void iam_list_instance_profiles_for_role(struct exchange *exchange)
{
    struct identity_role role;

    if (iam_role_load(exchange, iam_value(exchange, "RoleName"), &role))
        return;
    identity_role_release(&role);
    answer_none(exchange, "InstanceProfiles", true);
}

void iam_list_account_aliases(struct exchange *exchange)
{
    answer_none(exchange, "AccountAliases", true);
}

void iam_list_virtual_mfa_devices(struct exchange *exchange)
{
    answer_none(exchange, "VirtualMFADevices", true);
}

void iam_list_instance_profiles(struct exchange *exchange)
{
    answer_none(exchange, "InstanceProfiles", true);
}

void iam_no_password_policy(struct exchange *exchange)
{
    HTTP_LAST_REPLY(iam_fail(exchange, IAM_NO_SUCH_ENTITY, "The Password Policy with domain name %s cannot be found.",
                             exchange->gateway->options.account_id));
}

void iam_no_login_profile(struct exchange *exchange)
{
    struct bytes name = iam_user_name(exchange);
    struct identity_user user = {0};

    if (!name.data || !iam_user_load(exchange, name, &user))
        HTTP_LAST_REPLY(iam_fail(exchange, IAM_NO_SUCH_ENTITY, "Login Profile for User %.*s cannot be found.",
                                 (int)name.len, name.data ? name.data : ""));
    identity_user_release(&user);
}
