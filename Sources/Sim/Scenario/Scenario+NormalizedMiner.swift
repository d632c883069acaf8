// SPDX-License-Identifier: Apache-2.0

extension Scenario.DealStream {
    var normalized: ScenarioDocument {
        .object { object in
            object.add("every", every.normalized)
            object.add("pieceSize", pieceSize)
            object.add("startAfter", startAfter.normalized)
            object.add("lasts", lasts)
            if !keepsUnsealedCopy { object.add("keepUnsealedCopy", false) }
        }
    }
}

extension Scenario.Miner {
    var normalized: ScenarioDocument {
        .object { object in
            object.add("maxSealingSectors", maxSealingSectors)
            object.add("maxSealingSectorsForDeals", maxSealingSectorsForDeals)
            object.add("maxWaitDealsSectors", maxWaitDealsSectors)
            object.add("waitDealsDelay", waitDealsDelay)
            object.add("startEpochSealingBuffer", startEpochSealingBuffer)
            object.add("alwaysKeepUnsealedCopy", alwaysKeepUnsealedCopy)
            object.add("finalizeEarly", finalizeEarly)
            object.add("dataTemplate", dataTemplate)
            if let sealingFootprint { object.add("sealingFootprint", sealingFootprint) }
            object.add("batchPreCommits", batchPreCommits)
            object.add("maxPreCommitBatch", maxPreCommitBatch)
            object.add("preCommitBatchWait", preCommitBatchWait)
            object.add("aggregateCommits", aggregateCommits)
            object.add("minCommitBatch", minCommitBatch)
            object.add("maxCommitBatch", maxCommitBatch)
            object.add("commitBatchWait", commitBatchWait)
            let fees = [
                ("batchPreCommitAboveBaseFee", batchPreCommitAboveBaseFee),
                ("aggregateAboveBaseFee", aggregateAboveBaseFee),
                ("preCommitFeePerSector", preCommitFeePerSector), ("commitFeePerSector", commitFeePerSector),
            ]
            for case (let key, let fee?) in fees { object.add(key, fee.description) }
        }
    }
}
