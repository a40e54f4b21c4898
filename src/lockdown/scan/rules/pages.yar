/* Web pages and pictures that are files in disguise. */

rule Smuggling_FileBuiltInPage
{
  meta:
    description = "a page that carries a file as text, builds it in the browser and saves it"
    action = "suspicious"   // exported charts do so too; inspectors look closer
  strings:
    $decode1 = /\batob\s{0,4}\(/
    $decode2 = "Uint8Array"
    $decode3 = "fromCharCode"
    $decode4 = "base64ToArrayBuffer" nocase
    $make1 = /new\s{1,4}Blob\s{0,4}\(/
    $make2 = /new\s{1,4}File\s{0,4}\(/
    $save1 = "msSaveOrOpenBlob"
    $save2 = "msSaveBlob"
    $save3 = "createObjectURL"
    $name1 = /\.download\s{0,4}=/
    $name2 = /setAttribute\s{0,4}\(\s{0,4}["']download["']/
    $name3 = /<a[^>]{0,300}\sdownload[=\s>]/ nocase
    $click = /\.click\s{0,4}\(\s{0,4}\)/
  condition:
    filesize > 4KB and filesize < 30MB and any of ($decode*) and any of ($make*) and ($save1 or $save2 or ($save3 and any of ($name*)))
    and ($click or $save1 or $save2)
}

rule Smuggling_DataLink
{
  meta:
    description = "a page whose link or frame is an archive, disk image or program in itself"
  strings:
    $zip = /(href|src|location)\s{0,4}[=:]\s{0,4}["']data:[a-z0-9.+\/-]{0,80}[^,"']{0,60};base64,UEsDB/ nocase
    $program = /(href|src|location)\s{0,4}[=:]\s{0,4}["']data:[a-z0-9.+\/-]{0,80}[^,"']{0,60};base64,TV[opqr]/ nocase
    $sevenzip = /(href|src|location)\s{0,4}[=:]\s{0,4}["']data:[a-z0-9.+\/-]{0,80}[^,"']{0,60};base64,(N3q8r|UmFyI)/ nocase
  condition:
    filesize < 30MB and any of them
}

rule Page_UnpacksItself
{
  meta:
    description = "a page that is nothing but a script which writes another page"
    action = "suspicious"
  strings:
    $write1 = /document\.write\s{0,4}\(\s{0,4}(unescape|atob|decodeURIComponent)\s{0,4}\(/ nocase
    $write2 = /eval\s{0,4}\(\s{0,4}(unescape|atob|decodeURIComponent)\s{0,4}\(/ nocase
  condition:
    filesize > 1KB and filesize < 10MB and any of ($write*)
}
