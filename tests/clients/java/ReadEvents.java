import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import software.amazon.awssdk.eventnotifications.s3.model.S3EventNotification;
import software.amazon.awssdk.eventnotifications.s3.model.S3EventNotificationRecord;

/** Reads events, one a line, by AWS's own parser, and prints what it found in each record, parted by tabs. */
public class ReadEvents {
    public static void main(String[] arguments) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            for (S3EventNotificationRecord record : S3EventNotification.fromJson(line).getRecords()) {
                System.out.println(String.join("\t", record.getEventVersion(), record.getEventSource(), record.getEventName(),
                        record.getEventTime().toString(), record.getAwsRegion(), record.getS3().getConfigurationId(),
                        record.getS3().getBucket().getName(), record.getS3().getBucket().getArn(),
                        record.getS3().getObject().getUrlDecodedKey(),
                        String.valueOf(record.getS3().getObject().getSizeAsLong()),
                        record.getS3().getObject().getETag(), record.getS3().getObject().getSequencer(),
                        record.getUserIdentity().getPrincipalId(), record.getRequestParameters().getSourceIpAddress(),
                        record.getResponseElements().getXAmzRequestId()));
            }
        }
    }
}
