<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" sourcelanguage="en">
    <context>
        <name>cxr</name>
        <message>
            <source>&amp;File</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>&amp;Export</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>&amp;Network</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>&amp;List</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>&amp;Reading</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>&amp;View</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>C&amp;ontrast</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>&amp;Heat map</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>&amp;Tools</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Hel&amp;p</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Open &amp;films…</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Open f&amp;older…</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>&amp;Watch folder…</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Open &amp;bundle…</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Open &amp;demo films</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>&amp;Settings…</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>&amp;Quit</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>&amp;PDF report…</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>&amp;CSV…</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>&amp;JSON…</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>&amp;View as PNG…</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>&amp;DICOM (SR, heat maps)…</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>De-&amp;identified</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>&amp;Find films in the archive…</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Fetch &amp;priors of this film…</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>&amp;Receive films</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>R&amp;eturn results to the archive…</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>&amp;Network settings…</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>&amp;Next film</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>&amp;Previous film</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Next &amp;unread film</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>&amp;Most urgent film</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>&amp;Find…</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>&amp;Only unread films</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>&amp;Group by patient</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>&amp;Hide patient data</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>&amp;Take off the list</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Put &amp;back on the list</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>&amp;Agree</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>&amp;Disagree</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>N&amp;o opinion</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>&amp;Note</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>&amp;Mark read or unread, or commit</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>&amp;Undo</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Read &amp;blind first</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>&amp;Fit</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>&amp;1:1</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Zoom i&amp;n</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Zoom &amp;out</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Look further &amp;left</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Look further &amp;right</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Look further &amp;up</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Look further &amp;down</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Turn left 90°</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Turn right 90°</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Flip left to right</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>As the file lies</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>&amp;Compare with prior or lateral</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>What the model &amp;saw</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Nex&amp;t prior or lateral</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Work on t&amp;he other film</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Lin&amp;k zoom</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Link window and level</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Words and &amp;measurements</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Open in ne&amp;w window</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Full screen</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>The film's &amp;own</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>&amp;Next of the film's own</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>&amp;Previous of the film's own</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>&amp;Auto (percentiles 1 to 99)</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>&amp;Lung contrast (percentiles 0.5 to 70)</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>&amp;Mediastinum contrast (percentiles 40 to 99.5)</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>&amp;Bone contrast (percentiles 55 to 99.9)</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>&amp;Invert</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>&amp;Wider window</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Na&amp;rrower window</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Bri&amp;ghter</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>&amp;Darker</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>&amp;Show heat map</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>As &amp;lines</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>&amp;More opaque</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>L&amp;ess opaque</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>&amp;Next target</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>&amp;Previous target</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>&amp;Window and level</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>&amp;Ruler</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>&amp;Cardiothoracic ratio</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>&amp;Undo measurement</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>&amp;Delete measurement (under the cursor, else the last)</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>&amp;Magnifier</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Magnifier &amp;2×, 3×, 4×</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>&amp;Keys and mouse</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>&amp;About this bundle</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>&amp;Providers…</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Drag, left button</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>What the tool says; window (across) and level (down) at first</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Drag, right button</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Window (across) and level (down)</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Drag, middle button or Space</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Pan</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Z held</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Magnifier under the cursor</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Wheel</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Zoom to the cursor</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Double click</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Fit</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Lane</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Urgency</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Why</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Film</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Patient</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Age</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Sex</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>View</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Acquired</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Models disagree</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>State</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>urgent</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>abnormal</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>disagreement</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>refused</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>waiting</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>below thresholds</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>normal</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>scored</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>read</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>older bundle</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>window and level</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>ruler</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>cardiothoracic ratio</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Target</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>AUC (95 %)</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Calibration</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>ECE before → after</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Split</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Test films</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Run</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Operating points</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Name</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Threshold</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Sensitivity, validation</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>test (95 %)</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Specificity, validation</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>ID</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Born</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Study</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Description</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Part</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Modality</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Accession</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Films</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>of another part of the body</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>of another hospital's patient</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>of another modality</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>without a valid identifier</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>unreadable</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Film gate</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Pixel path</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Notice</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>No film was found there. Films are PNG, JPEG or DICOM files, also in a ZIP or on a disc.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source> ({number} of {count})</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>The file does not say whose film this is, so no other film of the patient can be found.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>The list holds no other film of this patient. Open the prior or the lateral too.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>verifying {name} and proving its provider…</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>proving the provider…</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Drawing synthetic demo films; they are no patient's.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>No bundle is open, so films are shown but not scored. Open one with Ctrl+B or drop it here; `cxr-export onnx RUN --out chest.cxr` makes one of trained runs.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Keys and mouse</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Open films</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Open a bundle</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Return results to the archive</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Whose results are sent to the archive?</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>They are marked {mark}. What an archive has got it is not sent again.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>{count:,} to {archive}</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Open a folder of films</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Watch a folder that films arrive in</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Export DICOM objects into a folder</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Films, ZIPs and discs</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>All files</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Bundles</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>All scored films ({where})</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Selected films ({where})</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Export as PDF</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Export as CSV</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Export as JSON</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Export view as PNG</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>No film is shown, so there is no view to write. Open a film first.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>; {count} films still wait</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Wrote {paths}{missing}.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>The film's own, by &amp;name</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Film: {notice}</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>&amp;Close window</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>NOT FOR CLINICAL USE</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>W&amp;indow</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Searching…</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Fetching…</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Fetch {count:,} studies</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Fetch</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Any date</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>any</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Search</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Choose all</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Close</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Priors of this film</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Find films in the archive</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Stopping…</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Stop</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Archive</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Fetch 1 study</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>From</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>To</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Patient ID</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Accession number</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>{done:,} of {total:,} films, {megabytes:,.1f} MB</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Nothing was found</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>{studies}; left out: {reasons}</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>{words} (stopped)</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>The open film does not say whose it is, so its priors cannot be asked for.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>1 study</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>{count:,} studies</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Fetched 1 film.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Fetched {count:,} films.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>The archive sent {count:,} to the receiver.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Not kept: {reasons}</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>It was stopped; what came stays.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>1 was here already.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>{count:,} were here already.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Proving every provider in processes of their own; TensorRT, where it is there, takes minutes…</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>About this bundle</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>1 film is off the list; what was kept of them stays. Ctrl+Shift+Z puts them back.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>{count:,} films are off the list; what was kept of them stays. Ctrl+Shift+Z puts them back.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Every film on the list was read.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Nothing was taken off the list.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Something went wrong ({kind}). The window goes on; please report it.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>{columns}×{rows} pixels of 8 bits, pixel path version {version}</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>No model has seen this film. {reason}</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Film {number}</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>receiving as {title} on port {port}</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>results: {counts}</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>{count:,} films: {reason}</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>All of these results were returned before.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>sent</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>unconfirmed</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>{count:,} result objects are on their way.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>The network is off: there is no network file. Network settings… offers one to begin with.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>as {title} on {host} port {port}</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>{where}, from the start</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>to the archive that each film came from</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>to {archive}</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>nowhere</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>The network file names no archive yet. Add one under [[peers]]; Network settings… says where the file is.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>These results go nowhere: the network file names no archive for them. Set `to` under [return] in it.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>No film is open. Open one first.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>None of these films is scored, so there is no result to return.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Receiving</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Returning</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>{where}, when it is turned on</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Network settings</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Write a file to begin with</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Open its folder</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Read it again</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>The network is off, as there is no network file. Write one to begin with: it explains every line, and turns nothing on until you take the # off.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>What it says</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Archives</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>asking…</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>The network file can be used. Edit it with any text editor, then read it again.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Test</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Waiting to be scored.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Not scored: no bundle is open.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Chest X-ray triage: NOT FOR CLINICAL USE</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>No model has seen this film: no bundle is open.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Providers</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>{count:,} notes could not be kept and would be lost. Mend that, or close again to close without them.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>There is no score to have an opinion on. Choose a film that was scored.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>There is no film to write a note on yet. Choose one that was scored or refused.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Undone: {what}.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>There is nothing to undo.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>The settings could not be kept. {reason}</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Settings</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source> h</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>off</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Order of the worklist</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>A film is urgent from an urgency of</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>An unread film moves up a lane every</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Weight of each finding (0 can wait, 1 act now)</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Thresholds belong to the bundle and are not changed here.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Wrote {path}.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Its file holds another film by now. Choose it again with Alt+C.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Its file holds another film by now. Open that from the list.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>&amp;Watching {name}</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>view {view} · {columns}×{rows} · {bits} bit</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>{title}: lines at the threshold and every {step:g} logits</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>orientation not stated in the file</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>{level:+.1f} (threshold)</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>{level:+.1f} logits</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>FLIPPED: mirror image</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Contribution to the logit (mean = logit); not an anatomical outline</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Search (Ctrl+F): patient, film, finding…</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Search the worklist</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>All {count:,}</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Copy details</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Copies what helps to find the fault; no path, no file name, no patient data</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Dismiss</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Copied</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>tool: {tool}</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Open films with Ctrl+O, or drop files and folders here</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Agree (A)</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Disagree (D)</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Mark read (M)</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Note (N)</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Note on this film</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Reading</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Present (A)</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Absent (D)</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Commit (M)</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>the note is NOT kept</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>read blind first, kept {when}</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>kept {when}</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Mark unread (M)</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>nothing kept yet</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>can be read once it was scored or refused</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Scores</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>not scored</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>hidden until you commit</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>no scores</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Read it first: say what is present or absent, then commit. Scores are hidden until then.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Not scored. {reason}</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Scores of another bundle ({name}); they are not comparable with those of this one.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Heat map (H)</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Opacity of the heat map</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Tick: operating point. A click chooses the map.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Opacity</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Reading the film…</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Among the open films is no prior and no lateral of this patient.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>What the model saw</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Reading what the model saw…</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>{done:,} of {films:,} films</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>, {count:,} not scored</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>{films:,} films</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>provider: {what}</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>bundle: {name} · {count} models · {sha256}</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>bundle: none</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>no films</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>none without a bundle</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Chest X-ray triage</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Drop films, folders, or a bundle of models (.cxr) anywhere on this window.
Films are PNG, JPEG or DICOM. Nothing leaves this computer.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Look at demo films (synthetic)</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Open a folder of films…</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Open a bundle of models…</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Worklist</source>
            <translation type="unfinished" />
        </message>
    </context>
</TS>
