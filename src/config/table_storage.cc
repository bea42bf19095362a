#include "config/table_parts.h"

namespace spendsync::config::table {
namespace {

const Type& credentials_type() {
  static const Section fields = {
      "credentials",
      {
          {"profile", &scalars().profile, kOptional, "", "`default` with access_key_file",
           "profile of the AWS configuration, or of access_key_file"},
          {"role_arn", &scalars().arn, kOptional, "", "none", "role to assume"},
          {"web_identity_token_file", &scalars().path, kOptional, "", "none", "token to assume a role with"},
          {"access_key_file", &scalars().secret, kOptional, "", "none", "AWS shared-credentials file, mode 0600"},
      },
      {}};
  static const Type type = section_type(fields);
  return type;
}

const Type& object_lock_type() {
  static const Section fields = {
      "object_lock",
      {
          {"full", &scalars().lock, kDefaulted, "28 days", "", "how long full backups cannot be deleted by anybody"},
          {"incremental", &scalars().lock, kDefaulted, "7 days", "", "the same for incremental backups"},
          {"transaction_logs", &scalars().lock, kDefaulted, "2 days", "", "the same for transaction logs"},
      },
      {}};
  static const Type type = section_type(fields);
  return type;
}

const Type& storage_target_type() {
  const Scalars& s = scalars();
  static const Section directory = {
      "directory", {{"path", &s.path, kRequired, "", "", "the directory that holds the repository"}}, {}};
  static const Section s3 = {
      "s3",
      {
          {"bucket", &s.bucket, kRequired, "", "", "the bucket"},
          {"region", &s.region, kRequired, "", "", "the bucket's region"},
          {"prefix", &s.prefix, kOptional, "", "the bucket's root", "what every object's key begins with"},
          {"endpoint", &s.endpoint, kOptional, "", "AWS in that region",
           "URL of an S3-compatible store; http:// on loopback only"},
          {"sts_endpoint", &s.endpoint, kOptional, "", "AWS in that region", "URL of the token service"},
          {"path_style", &s.boolean, kDefaulted, "false", "", "address the bucket by path instead of by host name"},
          {"ca_file", &s.trusted, kOptional, "", "the system's certificates",
           "certificates that the endpoint is checked against"},
          {"request_timeout", &s.timeout, kDefaulted, "30 seconds", "",
           "how long a request may stay without an answer"},
          {"minimum_throughput", &s.throughput, kDefaulted, "64 KiB", "",
           "bytes a second below which a transfer is given up and tried again"},
          {"storage_class", &s.storage_class, kDefaulted, "STANDARD", "",
           "storage class of packs and WAL; classes that need a restore request first are not offered"},
          {"object_lock", &object_lock_type(), kOptional, "", "none", "retention in compliance mode"},
          {"sse_kms_key_id", &s.kms_key, kOptional, "", "the bucket's own setting",
           "KMS key with which S3 encrypts once more at rest"},
          {"credentials", &credentials_type(), kDefaulted, "", "the usual AWS chain",
           "where AWS credentials come from"},
      },
      {}};
  static const Type type = variant_type({&directory, &s3});
  return type;
}

const Type& encryption_key_type() {
  const Scalars& s = scalars();
  static const Section kms = {"aws-kms",
                              {
                                  {"region", &s.region, kRequired, "", "", "the key's region"},
                                  {"key_id", &s.kms_key, kRequired, "", "", "key id, ARN or alias/<name>"},
                                  {"endpoint", &s.endpoint, kOptional, "", "AWS in that region",
                                   "URL of a KMS-compatible service; http:// on loopback only"},
                                  {"ca_file", &s.trusted, kOptional, "", "the system's certificates",
                                   "certificates that the endpoint is checked against"},
                                  {"credentials", &credentials_type(), kDefaulted, "", "the usual AWS chain",
                                   "where AWS credentials come from"},
                              },
                              {}};
  static const Section key_file = {
      "key-file", {{"path", &s.secret, kRequired, "", "", "file of 32 random bytes, mode 0600"}}, {}};
  static const Section escrow = {"escrow",
                                 {{"public_key", &s.trusted, kRequired, "", "",
                                   "PEM file; its private half stays offline. Can seal, cannot open"}},
                                 {}};
  static const Type type = variant_type({&kms, &key_file, &escrow});
  return type;
}

}  // namespace

Section storage_section() {
  const Scalars& s = scalars();
  return {"storage",
          {
              {"primary", &storage_target_type(), kRequired, "", "", "where backups are stored"},
              {"secondary", &storage_target_type(), kOptional, "", "none", "a second region that alone is enough"},
              {"acknowledge", &s.acknowledge, kDefaulted, "any", "", "when a WAL segment or a backup counts as stored"},
              {"capacity", &s.size, kOptional, "", "unknown",
               "what the store can hold, for the usage metric and its alert"},
              {"upload_limit", &s.rate, kDefaulted, "0", "", "bytes a second; 0 is no limit"},
          },
          {}};
}

Section encryption_section() {
  static const Type keys = list_type(encryption_key_type(), 1, false);
  return {"encryption",
          {{"keys", &keys, kRequired, "", "",
            "each can open the repository by itself, apart from escrow; at least one must"}},
          {}};
}

}  // namespace spendsync::config::table
