#pragma once

#include <string>
#include <vector>

namespace lodge {

// An image layout of layers (texts as archive_of_text() takes them) and a configuration blob.
// `tamper`: "layer1", "config", "manifest" gets another byte; "missing" has no first layer.
void make_oci_layout(const std::string& folder, const std::vector<std::string>& layers,
                     const std::string& config, const std::string& tag,
                     const std::string& tamper = "");
// The same folder as one plain archive.
void make_oci_archive(const std::string& folder, const std::string& file);
std::string sha256_hex(const std::string& bytes);

}  // namespace lodge
