#pragma once

#include "engine/checks.h"
#include "engine/field_table.h"

// The parts of a virtual machine's disk keys. Only engine/vm/schema.cc includes this.
namespace lodge::table {

// What every disk bus has. A macro would be shorter still; a list that is copied at compile time
// keeps the tables below plain data.
inline constexpr Field shared_disk_parts[] = {
    choice("aio", "", "io_uring|native|threads", "How QEMU asks the kernel to read and write."),
    boolean("backup", "1", "Whether backups hold this disk."),
    whole("bps", "", 0, {}, "Limit of reading and writing together, bytes a second."),
    whole("bps_max_length", "", 1, {}, "How long a burst over bps may last, seconds."),
    whole("bps_rd", "", 0, {}, "Limit of reading, bytes a second."),
    whole("bps_rd_max_length", "", 1, {}, "How long a burst of reading may last, seconds."),
    whole("bps_wr", "", 0, {}, "Limit of writing, bytes a second."),
    whole("bps_wr_max_length", "", 1, {}, "How long a burst of writing may last, seconds."),
    choice("cache", "", "directsync|none|unsafe|writeback|writethrough",
           "Whether the host caches the disk, and when a write counts as done."),
    boolean("detect_zeroes", "", "Whether writes of zeroes are turned into holes."),
    choice("discard", "", "ignore|on", "Whether space that the guest frees is freed here too."),
    bare(required(plain(ValueType::volume, "file", "Where the data of the disk lies."))),
    choice("format", "", "cloop|qcow|qcow2|qed|raw|vmdk", "The format of the image."),
    whole("iops", "", 0, {}, "Limit of reading and writing together, operations a second."),
    whole("iops_max", "", 0, {}, "The same limit during a burst."),
    whole("iops_max_length", "", 1, {}, "How long a burst over iops may last, seconds."),
    whole("iops_rd", "", 0, {}, "Limit of reading, operations a second."),
    whole("iops_rd_max", "", 0, {}, "The same limit during a burst."),
    whole("iops_rd_max_length", "", 1, {}, "How long a burst of reading may last, seconds."),
    whole("iops_wr", "", 0, {}, "Limit of writing, operations a second."),
    whole("iops_wr_max", "", 0, {}, "The same limit during a burst."),
    whole("iops_wr_max_length", "", 1, {}, "How long a burst of writing may last, seconds."),
    number("mbps", "", 0, {}, "Limit of reading and writing together, megabytes a second."),
    number("mbps_max", "", 0, {}, "The same limit during a burst."),
    number("mbps_rd", "", 0, {}, "Limit of reading, megabytes a second."),
    number("mbps_rd_max", "", 0, {}, "The same limit during a burst."),
    number("mbps_wr", "", 0, {}, "Limit of writing, megabytes a second."),
    number("mbps_wr_max", "", 0, {}, "The same limit during a burst."),
    choice("media", "disk", "cdrom|disk", "Whether the guest sees a disk or a CD drive."),
    boolean("replicate", "1", "Whether replication jobs take this disk along."),
    choice("rerror", "", "ignore|report|stop", "What happens when a read fails."),
    text("serial", "The serial number the guest sees, up to 20 characters."),
    boolean("shared", "0", "Says that every node has this volume; it is not moved with the guest."),
    plain(ValueType::size, "size", "The size of the disk, for the reader; the volume decides."),
    boolean("snapshot", "", "Whether all writes are forgotten when the guest stops."),
    choice("werror", "", "enospc|ignore|report|stop", "What happens when a write fails."),
    renamed("volume", "file"),
    renamed("bps_rd_length", "bps_rd_max_length"),
    renamed("bps_wr_length", "bps_wr_max_length"),
    renamed("iops_rd_length", "iops_rd_max_length"),
    renamed("iops_wr_length", "iops_wr_max_length"),
};

template <size_t N>
struct Parts {
    Field list[N];
};

// The shared parts and those of one bus.
template <size_t M>
constexpr auto disk_parts(const Field (&own)[M]) {
    constexpr size_t n = std::size(shared_disk_parts);
    Parts<n + M> parts;
    for (size_t i = 0; i < n; ++i)
        parts.list[i] = shared_disk_parts[i];
    for (size_t i = 0; i < M; ++i)
        parts.list[n + i] = own[i];
    return parts;
}

inline constexpr Field ssd = boolean("ssd", "0", "Whether the guest sees a disk without spindle.");
inline constexpr Field wwn =
    checked("wwn", "", checks::wwn, "0x and 16 hex digits", "The world wide name the guest sees.");
inline constexpr Field iothread =
    boolean("iothread", "0", "Whether the disk has a thread of its own.");
inline constexpr Field read_only = boolean("ro", "0", "Whether the guest may only read.");

inline constexpr auto ide_parts =
    disk_parts({text("model", "The model the guest sees, up to 40 characters."), ssd, wwn});
inline constexpr auto sata_parts = disk_parts({ssd, wwn});
inline constexpr auto scsi_parts =
    disk_parts({iothread, text("product", "The product the guest sees, up to 16 characters."),
                whole("queues", "", 2, {}, "How many request queues the disk has."), read_only,
                boolean("scsiblock", "0", "Whether SCSI commands go to the host's device."), ssd,
                text("vendor", "The vendor the guest sees, up to 8 characters."), wwn});
inline constexpr auto virtio_parts = disk_parts({iothread, read_only});

inline constexpr Field efidisk_parts[] = {
    choice("efitype", "2m", "2m|4m", "The size of the firmware's flash; Secure Boot wants 4m."),
    bare(required(plain(ValueType::volume, "file", "Where the firmware's variables lie."))),
    choice("format", "", "cloop|qcow|qcow2|qed|raw|vmdk", "The format of the image."),
    choice("ms-cert", "2011", "2011|2023|2023k|2023w",
           "Which of Microsoft's Secure Boot certificates are enrolled."),
    boolean("pre-enrolled-keys", "0", "Whether Secure Boot keys are there from the start."),
    plain(ValueType::size, "size", "The size of the volume, for the reader."),
    renamed("volume", "file"),
};

inline constexpr Field tpmstate_parts[] = {
    bare(required(plain(ValueType::volume, "file", "Where the state of the TPM lies."))),
    choice("format", "", "qcow2|raw|vmdk", "The format of the image."),
    plain(ValueType::size, "size", "The size of the volume, for the reader."),
    choice("version", "v1.2", "v1.2|v2.0", "The version of the TPM; fixed once it is made."),
    renamed("volume", "file"),
};

inline constexpr Field unused_parts[] = {
    bare(required(plain(ValueType::volume, "file", "The volume that no disk key names."))),
    renamed("volume", "file"),
};

}  // namespace lodge::table
