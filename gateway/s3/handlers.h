/* The handlers of S3's operations, for the table in operations.c. Each answers its request. */
#ifndef TERCET_GATEWAY_S3_HANDLERS_H
#define TERCET_GATEWAY_S3_HANDLERS_H

#include "gateway/front/exchange.h"

void s3_not_offered(struct exchange *exchange); /* AWS's operations that Tercet does not have */
void s3_unknown(struct exchange *exchange);     /* no operation of AWS: with what of the query was not understood */
void s3_preflight(struct exchange *exchange);

void s3_list_buckets(struct exchange *exchange);
void s3_create_bucket(struct exchange *exchange);
void s3_head_bucket(struct exchange *exchange);
void s3_delete_bucket(struct exchange *exchange);
void s3_get_bucket_location(struct exchange *exchange);
void s3_get_bucket_versioning(struct exchange *exchange);
void s3_put_bucket_versioning(struct exchange *exchange);
void s3_get_acl(struct exchange *exchange); /* of a bucket or an object: acl_operations.c */
void s3_put_acl(struct exchange *exchange);
void s3_get_setting(struct exchange *exchange); /* bucket_settings.c */
void s3_put_setting(struct exchange *exchange);
void s3_delete_setting(struct exchange *exchange);
void s3_put_default(struct exchange *exchange); /* default_settings.c */
void s3_put_bucket_notification(struct exchange *exchange);
void s3_get_configurations(struct exchange *exchange); /* configurations.c */
void s3_delete_configuration(struct exchange *exchange);
void s3_get_bucket_lifecycle(struct exchange *exchange);
void s3_put_bucket_lifecycle(struct exchange *exchange);
void s3_put_object_lock_configuration(struct exchange *exchange);
void s3_put_bucket_logging(struct exchange *exchange);
void s3_put_bucket_policy(struct exchange *exchange);
void s3_get_bucket_policy_status(struct exchange *exchange);

void s3_list_objects(struct exchange *exchange); /* V1 and V2 */
void s3_list_object_versions(struct exchange *exchange);

void s3_rename_object(struct exchange *exchange);
void s3_put_object(struct exchange *exchange);
void s3_post_object(struct exchange *exchange); /* by a form */
void s3_get_object(struct exchange *exchange);  /* and HEAD */
void s3_delete_object(struct exchange *exchange);
void s3_delete_objects(struct exchange *exchange);
void s3_copy_object(struct exchange *exchange);
void s3_get_object_attributes(struct exchange *exchange);
void s3_get_object_retention(struct exchange *exchange);
void s3_put_object_retention(struct exchange *exchange);
void s3_update_object_encryption(struct exchange *exchange);
void s3_get_object_legal_hold(struct exchange *exchange);
void s3_put_object_legal_hold(struct exchange *exchange);
void s3_get_object_tagging(struct exchange *exchange);
void s3_put_object_tagging(struct exchange *exchange);
void s3_delete_object_tagging(struct exchange *exchange);

void s3_put_object_annotation(struct exchange *exchange);
void s3_get_object_annotation(struct exchange *exchange);
void s3_list_object_annotations(struct exchange *exchange);
void s3_delete_object_annotation(struct exchange *exchange);

void s3_create_multipart_upload(struct exchange *exchange);
void s3_upload_part(struct exchange *exchange);
void s3_upload_part_copy(struct exchange *exchange);
void s3_complete_multipart_upload(struct exchange *exchange);
void s3_abort_multipart_upload(struct exchange *exchange);
void s3_list_parts(struct exchange *exchange);
void s3_list_multipart_uploads(struct exchange *exchange);

#endif
