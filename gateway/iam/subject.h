/* What a call of IAM is done to: the ARN that authorize() is asked about. */
#ifndef TERCET_GATEWAY_IAM_SUBJECT_H
#define TERCET_GATEWAY_IAM_SUBJECT_H

/* By which parameter of the call it is named. One that is there has the path that it was made with; one that is not
 * has the path `/`, and one that is to be made the path that is asked for. */
enum iam_subject {
    IAM_OF_ACCOUNT,  /* `*` */
    IAM_OF_CALLER,   /* UserName, or else who calls */
    IAM_OF_USER,     /* UserName */
    IAM_OF_GROUP,    /* GroupName */
    IAM_OF_ROLE,     /* RoleName */
    IAM_OF_POLICY,   /* PolicyArn */
    IAM_OF_PROVIDER, /* OpenIDConnectProviderArn */
    IAM_OF_SOURCE,   /* PolicySourceArn */
    IAM_OF_KEY,      /* AccessKeyId: the user whose it is */
    IAM_TO_ASSUME,   /* RoleArn; its trust policy is asked, too: trust.h */
    IAM_TO_FEDERATE, /* Name: the federated user that is to be */
    IAM_NEW_USER,    /* these are together: IAM_IS_NEW() */
    IAM_NEW_GROUP,
    IAM_NEW_ROLE,
    IAM_NEW_POLICY,
    IAM_NEW_PROVIDER,
    IAM_ALL_USERS, /* below PathPrefix */
    IAM_ALL_GROUPS,
    IAM_ALL_ROLES,
};

/* What makes one that there was not: refused while the disk is full. What changes one, and the two keys that a user may
 * have, are bounded by it, and may be what a right is taken away with. */
#define IAM_IS_NEW(subject) ((subject) >= IAM_NEW_USER && (subject) <= IAM_NEW_PROVIDER)

#endif
